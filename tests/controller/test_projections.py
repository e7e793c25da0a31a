"""What is served, in ConfigMaps, on a real API server: soon there, nobody else's, and gone with what asked for it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from promptops.controller.publish.projections import PERIOD_SECONDS
from promptops.dev.stack import OPERATOR, Stack
from tests.support.manifests import Manifest, config_map, prompt, version
from tests.support.waiting import eventually, wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster

BRAND = {"name": "brand", "type": "string", "fromValues": True}
INTO = [{"configMap": "greeting-text", "key": "text"}]


def greeting(number: str, text: str) -> Manifest:
    """A version that says something without being asked with values."""
    return version("greeting", number, text)


def told(world: World, name: str = "greeting-text") -> dict[str, str] | None:
    """What the ConfigMap says; None when it is not there."""
    found = world.find("configmap", name)
    return dict(found.get("data", {})) if found else None


def until_told(world: World, expected: dict[str, str] | None, name: str = "greeting-text") -> None:
    """Wait until the ConfigMap says this."""
    eventually(lambda: told(world, name), expected)


def until_said(world: World, status: str, reason: str) -> str:
    """Wait until Projected is so; return its message."""
    return world.until_condition("greeting", "Projected", status, reason)


def served(world: World, **spec: Any) -> None:
    """A prompt with two versions, in a ConfigMap."""
    asked = prompt("greeting", **{"activeVersion": "1.0.0", "projections": INTO, **spec})
    world.apply(asked, greeting("1.0.0", "Hello."), greeting("1.1.0", "Good day."))
    until_told(world, {"text": "Hello."})


def test_an_activation_and_a_rollback_are_there_at_once(world: World) -> None:
    served(world)
    until_said(world, "True", "Projected")
    seconds = []
    for number, text in (("1.1.0", "Good day."), ("1.0.0", "Hello.")):
        world.activate("greeting", number)
        begun = time.monotonic()
        wait_until(lambda: world.serves("greeting") == number)  # noqa: B023
        until_told(world, {"text": text})
        seconds.append(time.monotonic() - begun)
    found = world.get("configmap", "greeting-text")["metadata"]

    assert max(seconds) < PERIOD_SECONDS / 4, "nobody waited for the next look at all of them"
    assert found["labels"] == {"promptops.io/projection": "greeting"}
    assert found["annotations"]["promptops.io/version"] == "1.0.0"
    assert found["annotations"]["promptops.io/digest"] == world.status("greeting")["serving"]["stable"]["digest"]
    assert [each["name"] for each in found["ownerReferences"]] == ["greeting"]
    world.until_ready("greeting", "True", "Active")


def test_at_rest_nothing_is_written(world: World) -> None:
    served(world)
    until_said(world, "True", "Projected")
    world.until_at_rest()
    position = world.audit_position()
    world.kubectl("annotate", "prompt", "greeting", "example.com/touched=yes")
    world.activate("greeting", "1.1.0")
    until_told(world, {"text": "Good day."})
    until_said(world, "True", "Projected")

    written = world.writes(position)
    assert written[("patch", "configmaps", "greeting-text")] == 1
    assert written[("update", "prompts", "greeting")] <= 4


def test_values_fill_it_and_are_hot(world: World) -> None:
    world.apply(
        prompt("greeting", activeVersion="1.0.0", valuesFrom=[{"configMapName": "brand"}], projections=INTO),
        version("greeting", "1.0.0", {"text": "Hi from {{ brand | upper }}", "variables": [BRAND]}),
        config_map("brand", {"brand": "Acme"}),
    )
    until_told(world, {"text": "Hi from ACME"})
    world.apply(config_map("brand", {"brand": "Umbra"}))

    until_told(world, {"text": "Hi from UMBRA"})


def test_messages_are_a_json_list(world: World) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Go."}]
    world.apply(
        prompt("greeting", activeVersion="1.0.0", projections=INTO),
        version("greeting", "1.0.0", {"messages": messages}),
    )
    text = wait_until(lambda: told(world) or {}, lambda: world.status("greeting"))["text"]

    assert json.loads(text) == messages


def test_what_callers_have_to_give_nobody_gives_here(world: World) -> None:
    named = [{"name": "name", "type": "string"}]
    world.apply(
        prompt("greeting", activeVersion="1.0.0", projections=INTO),
        version("greeting", "1.0.0", {"text": "Hi {{ name }}", "variables": named}),
    )
    said = until_said(world, "False", "ProjectionIncomplete")

    assert "name" in said
    assert told(world) is None
    assert world.condition("greeting", "Ready")[:2] == ("False", "ProjectionIncomplete")
    assert world.condition("greeting", "Stalled")[0] == "True"
    assert world.serves("greeting") == "1.0.0"


def test_a_config_map_of_others_stays_theirs(world: World) -> None:
    theirs = config_map("greeting-text", {"text": "theirs"}, labelled=False)
    world.apply(theirs, prompt("greeting", activeVersion="1.0.0", projections=INTO), greeting("1.0.0", "Hello."))
    said = until_said(world, "False", "ProjectionTaken")
    still = told(world)
    world.delete(theirs)
    world.apply(prompt("greeting", activeVersion="1.0.0", projections=[{**INTO[0], "key": "other"}]))

    assert 'ConfigMap "greeting-text" is there already' in said
    assert still == {"text": "theirs"}
    until_told(world, {"other": "Hello."})
    until_said(world, "True", "Projected")


def test_a_key_that_others_write_too_stays_theirs(world: World) -> None:
    served(world)
    taken = config_map("greeting-text", {"text": "theirs"}, labelled=False)
    world.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(taken))
    world.activate("greeting", "1.1.0")
    said = until_said(world, "False", "ProjectionTaken")

    assert "also written by others" in said
    assert told(world) == {"text": "theirs"}


def test_what_is_asked_for_no_more_goes(world: World) -> None:
    both = [*INTO, {"configMap": "greeting-text", "key": "again"}, {"configMap": "greeting", "key": "text"}]
    served(world, projections=INTO)
    world.apply(prompt("greeting", activeVersion="1.0.0", projections=both))
    until_told(world, {"text": "Hello.", "again": "Hello."})
    until_told(world, {"text": "Hello."}, "greeting")
    world.apply(prompt("greeting", activeVersion="1.0.0", projections=INTO))
    until_told(world, {"text": "Hello."})
    until_told(world, None, "greeting")
    world.apply(prompt("greeting", activeVersion="1.0.0"))

    until_told(world, None)
    eventually(lambda: world.condition("greeting", "Projected")[0], "")


def test_others_keys_outlast_it(world: World) -> None:
    served(world)
    beside = config_map("greeting-text", {"theirs": "stays"}, labelled=False)
    world.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(beside))
    world.apply(prompt("greeting", activeVersion="1.0.0"))

    until_told(world, {"theirs": "stays"})
    assert "promptops.io/projection" not in world.get("configmap", "greeting-text")["metadata"].get("labels", {})


def test_it_goes_with_its_prompt_and_while_that_is_switched_off(world: World) -> None:
    served(world)
    world.apply(prompt("greeting", activeVersion="1.0.0", projections=INTO, disabled=True))
    until_told(world, None)
    world.apply(prompt("greeting", activeVersion="1.0.0", projections=INTO))
    until_told(world, {"text": "Hello."})
    world.kubectl("delete", "prompt", "greeting")

    until_told(world, None)


def test_a_restart_writes_nothing(stack: Stack, world: World) -> None:
    served(world)
    until_said(world, "True", "Projected")
    world.until_at_rest()
    position = world.audit_position()
    stack.plane.stop(OPERATOR)
    stack.plane.start(OPERATOR)
    world.apply(prompt("later"))
    eventually(lambda: world.status("later").get("observedGeneration"), 1)

    assert not {key for key in world.writes(position) if "later" not in key[2]}


def test_what_happened_while_the_operator_was_away_is_made_up_for(stack: Stack, world: World) -> None:
    served(world)
    world.apply(prompt("other", activeVersion="1.0.0", projections=[{"configMap": "other", "key": "text"}]))
    world.apply(version("other", "1.0.0", "Other."))
    until_told(world, {"text": "Other."}, "other")
    stack.plane.stop(OPERATOR)
    try:
        world.activate("greeting", "1.1.0")
        world.apply(prompt("other", activeVersion="1.0.0"))
        away = told(world)
    finally:
        stack.plane.start(OPERATOR)

    until_told(world, {"text": "Good day."})
    until_told(world, None, "other")
    assert away == {"text": "Hello."}
