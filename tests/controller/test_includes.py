"""Versions that include others, on a real API server: served as one, held while something is missing, told when it came back different."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.content.canonical import digest
from tests.support.manifests import config_map, including, prompt, version
from tests.support.world import World

pytestmark = pytest.mark.cluster

TONE = {"name": "tone", "type": "string"}
RULES = version("rules", "1.0.0", {"text": "Be {{ tone }}.", "variables": [TONE]})
GREETING = version("greeting", "1.0.0", including({"text": 'Hi. {% include "rules" %}'}, rules="rules-1.0.0"))
WHOLE = {"text": "Hi. Be {{ tone }}.", "variables": [TONE]}


def test_in_any_order_it_is_served_as_one_content(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"), GREETING)
    message = world.until_ready("greeting", "False", "IncludeNotFound")
    world.apply(RULES)
    world.until_serves("greeting", "1.0.0")

    status = world.status("greeting")

    assert 'PromptVersion "rules-1.0.0" is not there: apply it' in message
    assert status["serving"]["stable"]["digest"] == digest(WHOLE)
    in_use = world.until_condition("rules-1.0.0", "InUse", "True", "Included", "promptversion")
    assert in_use == "served as a part of greeting-1.0.0"


def test_what_is_gone_is_said_and_what_came_back_different_is_not_served(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"), GREETING, RULES)
    world.until_serves("greeting", "1.0.0")
    world.delete(RULES)
    gone = world.until_ready("greeting", "False", "IncludeNotFound")
    stalled = world.condition("greeting", "Stalled")
    world.apply(version("rules", "1.0.0", "Be rude."))

    changed = world.until_ready("greeting", "False", "DigestChanged")

    assert stalled == ("True", "IncludeNotFound", gone)
    assert "whoever holds version 1.0.0 goes on serving it" in gone
    assert "what it includes came back different" in changed
    assert world.status("greeting")["serving"]["stable"]["digest"] == digest(WHOLE)
    world.delete(version("rules", "1.0.0", "Be rude."))
    world.apply(RULES)
    world.until_ready("greeting", "True", "Active")


def test_a_circle_is_named_and_nothing_of_it_is_served(world: World) -> None:
    there = version("a", "1.0.0", including({"text": '{% include "b" %}'}, b="b-1.0.0"))
    back = version("b", "1.0.0", including({"text": '{% include "a" %}'}, a="a-1.0.0"))
    world.apply(prompt("a", activeVersion="1.0.0"), there, back)

    message = world.until_ready("a", "False", "IncludeCycle")

    assert "a-1.0.0 → b-1.0.0 → a-1.0.0" in message


@pytest.mark.parametrize("is_a_key", [False, True], ids=["inline", "a key"])
def test_a_source_includes_and_its_version_says_so(world: World, is_a_key: bool) -> None:
    include = {"alias": "rules", "promptRef": {"name": "rules"}, "version": "1.0.0"}
    content: dict[str, Any] = {"text": 'Hi. {% include "rules" %}', "includes": [include]}
    written = 'text: Hi. {% include "rules" %}\nincludes: [{alias: rules, promptRef: {name: rules}, version: 1.0.0}]'
    source = {"configMapKeyRef": {"name": "texts", "key": "greeting", "format": "yaml"}} if is_a_key else {"content": content}  # fmt: skip
    world.apply(prompt("greeting", source=source), config_map("texts", {"greeting": written}))
    world.until_ready("greeting", "False", "IncludeNotFound")
    world.apply(RULES)
    world.until_serves("greeting", "1.0.0")

    made = world.get("promptversion", "greeting-1.0.0")

    assert made["spec"]["content"] == content
    assert world.digest("greeting-1.0.0") == digest(WHOLE) == world.status("greeting")["source"]["digest"]
