"""What stands in for what is served: decided with it, published with it, and never the way around a rule."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.api.feed import Fallback
from promptops.domain.snapshot import TenantRules

TEXT = {"text": "We answer by hand today."}
OLD = {"version": "1.0.0"}


def serving(world: Any, fallback: dict[str, str] | None, active: str = "2.0.0") -> Any:
    """A prompt that serves 2.0.0 beside 1.0.0."""
    return world.add("1.0.0", "old").add("2.0.0", "new").apply(activeVersion=active, fallback=fallback).settle()


@pytest.mark.parametrize(
    ("fallback", "published"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(TEXT, Fallback(text=TEXT["text"]), id="a text"),
        pytest.param(OLD, Fallback(version="1.0.0"), id="a version"),
    ],
)
def test_what_stands_in_is_published_and_said(world: Any, fallback: Any, published: Fallback | None) -> None:
    serving(world, fallback)

    said = world.status["serving"].get("fallback")
    assert world.published.fallback == published
    assert {name: said[name] for name in (fallback or {})} == (fallback or {})
    assert (said is None, world.said("Ready"), world.published.must_understand) == (fallback is None, "True/Active", ())


def test_another_last_resort_moves_the_revision_and_no_version(world: Any) -> None:
    serving(world, TEXT)
    before = world.status["serving"]["revision"]
    world.forget().apply(fallback=OLD).settle()

    assert (world.status["serving"]["revision"], world.serving, len(world.status["history"])) == (
        before + 1,
        "2.0.0",
        1,
    )


def test_decided_again_it_comes_to_the_same(world: Any) -> None:
    serving(world, OLD).forget().restart().settle()

    assert (world.writes, world.published.fallback) == ([], Fallback(version="1.0.0"))


def test_the_version_travels_with_the_entry_although_many_newer_ones_are_there(world: Any) -> None:
    for minor in range(1, 60):
        world.add(f"1.{minor}.0", f"text {minor}")
    serving(world, OLD)

    assert "1.0.0" in [each.version for each in world.published.pins]
    assert world.outcome.contents.keys() == world.published.digests()


@pytest.mark.parametrize(
    ("fallback", "message"),
    [
        pytest.param({"version": "7.0.0"}, "spec.fallback.version 7.0.0 is not there: apply PromptVersion greeting-7.0.0", id="no such version"),
        pytest.param({"text": "Hi {{ name }}"}, "spec.fallback.text: line 1, column 7:", id="a text with a variable"),
        pytest.param({"text": "Hi {% if %}"}, "spec.fallback.text: line 1,", id="a text that is no template"),
        pytest.param({"version": "0.1.0"}, "spec.fallback.version: version 0.1.0 is archived and cannot be activated", id="archived"),
        pytest.param({"version": "0.2.0"}, "spec.fallback.version: version 0.2.0 cannot be served", id="broken"),
        pytest.param({"version": "0.3.0"}, "spec.fallback.version: PromptVersion greeting-0.3.0 is being deleted and cannot be activated", id="on its way out"),
    ],
)  # fmt: skip
def test_what_cannot_stand_in_is_said_and_the_last_one_stays(world: Any, fallback: Any, message: str) -> None:
    world.add("0.1.0", lifecycle="Archived").add("0.2.0", content={"text": "{{ x }}"})
    world.add(
        "0.3.0", "Hi", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["mine.example.com/x"]}
    )
    serving(world, TEXT)
    world.apply(fallback=fallback).settle()

    assert world.said("Ready") == "False/FallbackInvalid"
    assert message in world.condition("Ready")["message"]
    assert (world.published.fallback, world.serving) == (Fallback(text=TEXT["text"]), "2.0.0")


def test_it_holds_up_no_activation(world: Any) -> None:
    serving(world, {"version": "7.0.0"})

    assert (world.serving, world.said("Ready"), world.said("Converged")) == (
        "2.0.0",
        "False/FallbackInvalid",
        "False/NotInForce",
    )


@pytest.mark.parametrize(
    ("rules", "served_before", "stands"),
    [
        pytest.param(TenantRules(requires_tests=True), True, False, id="tests are required, and it has none"),
        pytest.param(TenantRules(requires_digest=True), False, False, id="digests are required, and it never served"),
        pytest.param(TenantRules(requires_digest=True), True, True, id="digests are required, and it served"),
        pytest.param(TenantRules(content_bytes=2), True, False, id="it is too long"),
    ],
)
def test_a_tenants_rules_hold_for_what_stands_in(
    world: Any, rules: TenantRules, served_before: bool, stands: bool
) -> None:
    serving(world, None, active="1.0.0" if served_before else "2.0.0")
    world.apply(activeVersion="2.0.0").settle()
    world.having(rules=rules).apply(fallback=OLD).settle()

    assert world.published.fallback == (Fallback(version="1.0.0") if stands else None)


def test_what_stands_in_already_is_archived_later_and_stays(world: Any) -> None:
    serving(world, OLD)
    world.change("1.0.0", lifecycle="Archived").settle()

    assert (world.published.fallback, world.said("Ready")) == (Fallback(version="1.0.0"), "True/Active")


def test_a_version_that_is_gone_stands_in_no_more_and_blocks_nobody(world: Any) -> None:
    serving(world, OLD)
    world.drop("1.0.0").settle()

    assert world.published.fallback is None
    assert world.said("Ready") == "False/FallbackInvalid"
    assert {each.version for each in world.published.pins} == {"2.0.0"}


def test_what_stands_in_for_content_that_nobody_can_have_any_more_is_still_published(world: Any) -> None:
    serving(world, OLD)
    world.drop("2.0.0").settle()

    assert (world.published.state, world.published.fallback) == ("held", Fallback(version="1.0.0"))


def test_a_version_that_takes_fewer_calls_stands_in_and_is_said(world: Any) -> None:
    world.add("1.0.0", "Hi {{ name }}").add("2.0.0", "Hi").apply(activeVersion="2.0.0", fallback=OLD).settle()

    assert world.published.fallback == Fallback(version="1.0.0")
    assert "which spec.fallback names, refuses calls that version 2.0.0 takes" in world.condition("Ready")["message"]


def test_a_version_that_stands_in_is_in_use(world: Any) -> None:
    serving(world, OLD)
    in_use = [each for each in world.version_status("1.0.0")["conditions"] if each["type"] == "InUse"]

    assert [(each["status"], each["reason"]) for each in in_use] == [("True", "Fallback")]


def test_a_generated_version_that_stands_in_is_never_pruned(world: Any) -> None:
    world.apply(historyLimit=1).follow("a").settle()
    world.apply(fallback={"version": "1.0.0"}).settle()
    for text in "bcd":
        world.follow(text).settle()

    assert {"greeting-1.0.0"} < world.versions.keys()
    assert len(world.versions) < 4


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"version": "7.0.0"}, id="no such version"),
        pytest.param({"version": "0.1.0"}, id="archived"),
        pytest.param({"text": "Hi {{ name }}"}, id="a text with a variable"),
        pytest.param({"text": "Hi", "version": "1.0.0"}, id="a spec that cannot be read"),
    ],
)
def test_the_last_one_is_not_pruned_while_the_spec_names_one_that_cannot_stand_in(world: Any, named: Any) -> None:
    world.add("0.1.0", lifecycle="Archived").apply(historyLimit=1).follow("a").settle()
    world.apply(fallback={"version": "1.0.0"}).settle()
    world.apply(fallback=named).settle()
    for text in "bcd":
        world.follow(text).settle()

    assert "greeting-1.0.0" in world.versions
    assert world.published.fallback == Fallback(version="1.0.0")
    assert "1.0.0" in [each.version for each in world.published.pins]


def test_the_last_one_is_pruned_like_any_other_once_another_stands_in(world: Any) -> None:
    world.apply(historyLimit=1).follow("a").settle()
    world.apply(fallback={"version": "1.0.0"}).settle()
    world.apply(fallback=TEXT).settle()
    for text in "bcd":
        world.follow(text).settle()

    assert "greeting-1.0.0" not in world.versions


def test_a_spec_that_cannot_be_read_takes_nothing_away(world: Any) -> None:
    serving(world, TEXT)
    world.apply(activeVersion="not a number").settle()

    assert world.published.fallback == Fallback(text=TEXT["text"])
