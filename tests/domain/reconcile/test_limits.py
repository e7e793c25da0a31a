"""What a Tenant requires and limits keeps versions from being activated, and takes nothing away that serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from promptops.domain.snapshot import NO_RULES, TenantRules
from tests.domain.reconcile.conftest import World

SIZE = len('{"text":"Hi","variables":[]}')


def with_digest(world: World) -> World:
    """The digest that 1.1.0 has is named."""
    return world.apply(activeDigest=world.version_status("1.1.0")["digest"])


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a prompt too many": ({"rules": TenantRules(prompts=3), "older_prompts": 3}, "QuotaExceeded", "3 prompts of the namespace are older than this one, and tenant team allows 3: delete one of those; version 1.0.0 is served"),
    "a version too many": ({"rules": TenantRules(versions_per_prompt=1)}, "QuotaExceeded", "the prompt has 2 versions, and tenant team allows 1: delete some that are not in use; version 1.0.0 is served"),
    "a content too long": ({"rules": TenantRules(content_bytes=SIZE - 1)}, "QuotaExceeded", f"its content has {SIZE} bytes, and tenant team allows {SIZE - 1}: make it shorter; version 1.0.0 is served"),
    "no digest": ({"rules": TenantRules(requires_digest=True)}, "DigestRequired", "set spec.activeDigest to sha256:"),
}  # fmt: skip
ADMITTED: dict[str, tuple[dict[str, Any], Callable[[World], object]]] = {
    "the last prompt within": ({"rules": TenantRules(prompts=3), "older_prompts": 2}, lambda world: world),
    "the last version within": ({"rules": TenantRules(versions_per_prompt=2)}, lambda world: world),
    "a content as long as it may be": ({"rules": TenantRules(content_bytes=SIZE)}, lambda world: world),
    "a digest": ({"rules": TenantRules(requires_digest=True)}, with_digest),
}


@pytest.fixture
def serving(world: World) -> World:
    """1.0.0 is served, and 1.1.0 is there."""
    return world.add("1.0.0").add("1.1.0", "Ho").apply(activeVersion="1.0.0").settle()


@pytest.mark.parametrize(("rules", "reason", "said"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_what_is_beyond_is_not_activated(serving: World, rules: dict[str, Any], reason: str, said: str) -> None:
    serving.having(**rules).apply(activeVersion="1.1.0").settle()

    assert (serving.said("Ready"), serving.serving) == (f"False/{reason}", "1.0.0")
    assert said in serving.condition("Ready")["message"]
    assert serving.said("Stalled") == f"True/{reason}"


@pytest.mark.parametrize(("rules", "also"), [pytest.param(*row, id=name) for name, row in ADMITTED.items()])
def test_what_is_within_is_activated(serving: World, rules: dict[str, Any], also: Callable[[World], object]) -> None:
    serving.having(**rules).apply(activeVersion="1.1.0")
    also(serving)
    serving.settle()

    assert (serving.said("Ready"), serving.serving) == ("True/Active", "1.1.0")


@pytest.mark.parametrize("rules", [pytest.param(row[0], id=name) for name, row in REFUSED.items()])
def test_what_serves_already_goes_on(serving: World, rules: dict[str, Any]) -> None:
    before = dict(serving.status)

    serving.having(**rules).settle()

    assert serving.status == before


@pytest.mark.parametrize("rules", [pytest.param(row[0], id=name) for name, row in REFUSED.items()])
def test_it_is_activated_once_there_is_room(serving: World, rules: dict[str, Any]) -> None:
    serving.having(**rules).apply(activeVersion="1.1.0").settle()

    serving.having(rules=NO_RULES).settle()

    assert (serving.said("Ready"), serving.serving) == ("True/Active", "1.1.0")


def test_generated_versions_are_pruned_to_the_limit_and_activated(world: World) -> None:
    world.having(rules=TenantRules(versions_per_prompt=2))
    for text in ("one", "two", "three", "four"):
        world.follow(text).settle()

    assert (world.said("Ready"), world.serving) == ("True/Active", "1.0.3")
    assert sorted(world.versions) == ["greeting-1.0.2", "greeting-1.0.3"]
