"""What the lifecycle of an included version means to whoever includes it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.manifests import including, stored, version

PART = 'Hi. {% include "rules" %}'


def rules(state: str) -> dict[str, Any]:
    """A version to include, as it comes from the API server; one that goes is kept by a finalizer for the moment."""
    made = version("rules", "1.0.0", "Be kind.", lifecycle="Available" if state == "Going" else state)
    gone: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["mine.example.com/x"]}
    more = gone if state == "Going" else {}
    return stored(made, namespace="team-a", uid="r-1", status={"observedGeneration": -1}, **more)


def including_rules(world: Any, lifecycle: str) -> Any:
    """A prompt asked to serve a version that includes one of that lifecycle."""
    world.put(rules(lifecycle)).add("1.0.0", content=including({"text": PART}, rules="rules-1.0.0"))
    return world.apply(activeVersion="1.0.0").settle()


@pytest.mark.parametrize(
    ("lifecycle", "said", "message"),
    [
        pytest.param("Available", "True/Active", "version 1.0.0 is active", id="available"),
        pytest.param("Deprecated", "True/Active", "version 1.0.0 is active; version 1.0.0 includes what is deprecated, rules-1.0.0: include newer ones", id="deprecated"),
        pytest.param("Archived", "False/VersionArchived", "version 1.0.0 includes what is archived, rules-1.0.0, and cannot be activated: include others in a new version, or set their spec.lifecycle to Available", id="archived"),
        pytest.param("Going", "False/IncludeNotFound", "version 1.0.0 includes what is being deleted, rules-1.0.0, and cannot be activated: include others in a new version, or apply the same again once it is gone", id="on its way out"),
    ],
)  # fmt: skip
def test_a_version_is_activated_by_what_it_includes(world: Any, lifecycle: str, said: str, message: str) -> None:
    including_rules(world, lifecycle)

    assert world.said("Ready") == said
    assert world.condition("Ready")["message"].startswith(message)


@pytest.mark.parametrize(
    ("state", "word"), [pytest.param("Archived", "archived", id="archiving"), pytest.param("Going", "being deleted", id="deleting")]
)  # fmt: skip
def test_what_happens_to_what_is_included_withdraws_nothing(world: Any, state: str, word: str) -> None:
    including_rules(world, "Available")
    before = world.published
    world.put(rules(state)).settle()

    assert world.published == before
    assert world.said("Ready") == "True/Active"
    assert f"includes what is {word}, rules-1.0.0: include newer ones" in world.condition("Ready")["message"]


@pytest.mark.parametrize(("state", "said"), [("Archived", "False/VersionArchived"), ("Going", "False/IncludeNotFound")])
def test_it_reaches_through_other_versions(world: Any, state: str, said: str) -> None:
    between = version("between", "1.0.0", including({"text": '{% include "rules" %}'}, rules="rules-1.0.0"))
    world.put(rules(state)).put(stored(between, namespace="team-a", uid="b-1", status={"observedGeneration": -1}))
    world.add("1.0.0", content=including({"text": '{% include "between" %}'}, between="between-1.0.0"))
    world.apply(activeVersion="1.0.0").step()

    assert world.said("Ready") == said


def test_what_is_applied_again_is_included_again(world: Any) -> None:
    including_rules(world, "Going")
    before = world.said("Ready")
    world.put(rules("Available")).settle()

    assert (before, world.said("Ready")) == ("False/IncludeNotFound", "True/Active")
