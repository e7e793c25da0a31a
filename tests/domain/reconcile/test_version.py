"""The status of a PromptVersion: its digest, whether it may be served, and whether it is."""

from typing import Any

import pytest

from promptops.domain.content.canonical import digest
from promptops.domain.reconcile import decide_version
from promptops.domain.snapshot import VersionSnapshot
from tests.support.manifests import owner


def phase(world: Any, number: str) -> str:
    return str(world.version_status(number)["phase"])


def said(world: Any, number: str, condition_type: str) -> str:
    conditions = world.version_status(number)["conditions"]
    return next(
        f"{each['status']}/{each['reason']}: {each['message']}" for each in conditions if each["type"] == condition_type
    )


def test_a_version_that_was_never_active_is_a_draft(world: Any) -> None:
    world.add("1.0.0").settle()

    assert phase(world, "1.0.0") == "Draft"
    assert world.version_status("1.0.0")["digest"] == digest(world.versions["greeting-1.0.0"]["spec"]["content"])
    assert said(world, "1.0.0", "Ready") == "True/Available: it may be served"
    assert said(world, "1.0.0", "InUse") == 'False/NotInUse: prompt "greeting" does not serve it'


INCLUDES_NOBODY = {
    "text": "{% include 'x' %}",
    "includes": [{"alias": "x", "promptRef": {"name": "x"}, "version": "1.0.0"}],
}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(INCLUDES_NOBODY, "Pending", id="what it includes is not there yet"),
        pytest.param({"text": "a", "parameters": {"extra": 2**60}}, "Invalid", id="it has no canonical form"),
        pytest.param({"text": "{{ x"}, "Invalid", id="it is broken"),
    ],
)
@pytest.mark.parametrize("asked", [pytest.param("1.0.0", id="asked for"), pytest.param(None, id="not asked for")])
def test_what_could_never_be_served_was_never_served(
    world: Any, content: dict[str, Any], expected: str, asked: str | None
) -> None:
    world.add("1.0.0", content=content).apply(activeVersion=asked).settle()

    assert phase(world, "1.0.0") == expected
    assert said(world, "1.0.0", "InUse") == 'False/NotInUse: prompt "greeting" does not serve it'


def test_the_served_version_is_active(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()

    assert phase(world, "1.0.0") == "Active"
    assert said(world, "1.0.0", "InUse") == 'True/InUse: prompt "greeting" serves it'


def test_one_that_was_active_and_is_no_more_is_superseded(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    world.apply(activeVersion="1.1.0").settle()

    assert (phase(world, "1.0.0"), phase(world, "1.1.0")) == ("Superseded", "Active")
    assert said(world, "1.0.0", "InUse") == "False/Superseded: it was served, and is no more"
    assert said(world, "1.0.0", "Ready") == "True/Available: it may be served"


def test_that_it_was_active_outlasts_the_prompt_s_history(world: Any) -> None:
    for minor in range(13):
        world.add(f"1.{minor}.0", str(minor)).apply(activeVersion=f"1.{minor}.0").settle()

    assert "1.0.0" not in [each["version"] for each in world.status["history"]]
    assert phase(world, "1.0.0") == "Superseded"


READY_BY_LIFECYCLE = {
    "Deprecated": "it may be served",
    "Archived": "it is archived: who serves it goes on, and nobody else begins to",
}


@pytest.mark.parametrize("lifecycle", READY_BY_LIFECYCLE)
@pytest.mark.parametrize("active", [True, False])
def test_the_author_s_mark_is_the_phase(world: Any, lifecycle: str, active: bool) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0" if active else None).settle()
    world.change("1.0.0", lifecycle=lifecycle).settle()

    assert phase(world, "1.0.0") == lifecycle
    assert said(world, "1.0.0", "Ready") == f"True/Available: {READY_BY_LIFECYCLE[lifecycle]}"
    assert said(world, "1.0.0", "InUse").startswith("True" if active else "False")


def test_a_mark_that_is_taken_back_leaves_what_it_was(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "b").add("1.2.0", "c").apply(activeVersion="1.0.0").settle()
    world.apply(activeVersion="1.1.0").settle()
    for number in ("1.0.0", "1.2.0"):
        world.change(number, lifecycle="Archived").settle()
        world.change(number, lifecycle="Available").settle()

    assert (phase(world, "1.0.0"), phase(world, "1.2.0")) == ("Superseded", "Draft")


@pytest.mark.parametrize(
    ("content", "ready"),
    [
        pytest.param(
            {"text": "{{ x"},
            "False/TemplateSyntax: spec.content.text: line 1, column 1: {{ is never closed with }}: close it; to write {{ literally, put it between {% raw %} and {% endraw %}; versions never change: correct it in a new one",
            id="template",
        ),
        pytest.param(
            {"text": "a", "txt": "b"},
            "False/InvalidSpec: spec.content.txt: is not a field of this kind; versions never change: correct it in a new one",
            id="unknown field",
        ),
        pytest.param(
            {"text": "a", "parameters": {"extra": 2**60}},
            "False/InvalidNumber: spec.content.parameters.extra: must be a finite number between -9007199254740991 and 9007199254740991: write it as a string; versions never change: correct it in a new one",
            id="without canonical form",
        ),
    ],
)
def test_what_may_not_be_served_is_invalid_and_says_why(world: Any, content: dict[str, Any], ready: str) -> None:
    world.add("1.0.0", content=content).settle()

    assert phase(world, "1.0.0") == "Invalid"
    assert said(world, "1.0.0", "Ready") == ready


def test_content_without_canonical_form_has_no_digest(world: Any) -> None:
    world.add("1.0.0", content={"text": "a", "parameters": {"extra": 2**60}}).settle()

    assert "digest" not in world.version_status("1.0.0")


def test_the_digest_that_was_seen_first_stays(world: Any) -> None:
    world.add("1.0.0").settle()
    first = world.version_status("1.0.0")["digest"]
    world.change("1.0.0", content={"text": "tampered"}).settle()

    assert world.version_status("1.0.0")["digest"] == first
    assert (phase(world, "1.0.0"), said(world, "1.0.0", "Ready")) == (
        "Invalid",
        f"False/DigestChanged: spec.content: the content changed: it had the digest {first}, now it has "
        f"{digest({'text': 'tampered'})}; versions never change: correct it in a new one",
    )


def test_a_version_without_its_prompt_may_be_served_one_day(world: Any) -> None:
    version = world.make_version("1.0.0")

    status = decide_version(VersionSnapshot(version), world.now).status

    assert status["phase"] == "Draft"


def test_a_version_of_another_owner_is_pending(world: Any) -> None:
    world.add("1.0.0", metadata={"ownerReferences": [owner("greeting", "u0")]}).settle()

    assert phase(world, "1.0.0") == "Pending"
    assert said(world, "1.0.0", "Ready") == (
        'False/VersionOfOtherPrompt: it is owned by another object than prompt "greeting" and goes with that one'
    )


def test_another_content_under_the_served_number_is_not_in_use(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    world.drop("1.0.0").add("1.0.0", "other").settle()

    assert said(world, "1.0.0", "InUse").startswith("False/NotInUse")


def test_until_it_is_activated_a_version_is_written_at_most_twice(world: Any) -> None:
    world.instances = 2
    world.add("1.0.0").settle()
    world.apply(activeVersion="1.0.0").settle()

    assert world.log.count("write greeting-1.0.0") == 2


OPTIONAL = {"name": "tone", "type": "string", "optional": True}
REQUIRED = {"name": "tone", "type": "string"}


def graded(world: Any, number: str) -> tuple[str | None, str | None]:
    """What a version means to callers, and of which other version."""
    status = world.version_status(number)
    return status.get("grade"), status.get("gradedAgainst")


def saying(*variables: dict[str, Any]) -> dict[str, Any]:
    return {"text": "Hi {{ tone }}" if variables else "Hi", **({"variables": list(variables)} if variables else {})}


@pytest.mark.parametrize(
    ("before", "after", "grade"),
    [
        pytest.param(saying(), {"text": "Hello"}, "patch", id="another text"),
        pytest.param(saying(), saying(OPTIONAL), "minor", id="an optional variable more"),
        pytest.param(saying(OPTIONAL), saying(REQUIRED), "major", id="a variable that is required now"),
        pytest.param(saying(REQUIRED), saying(), "major", id="a variable less"),
    ],
)
def test_a_version_is_graded_against_the_one_below_it(world: Any, before: Any, after: Any, grade: str) -> None:
    world.add("1.0.0", content=before).add("1.0.1", content=after).settle()

    assert graded(world, "1.0.0") == (None, None)
    assert graded(world, "1.0.1") == (grade, "1.0.0")


def test_of_all_below_it_the_nearest_that_may_be_served_counts_whenever_it_comes(world: Any) -> None:
    world.add("1.0.0", content=saying()).add("1.2.0", content=saying(OPTIONAL)).settle()
    first = graded(world, "1.2.0")
    world.add("1.1.0", content=saying(OPTIONAL)).add("1.1.1", content={"text": "{{ nobody }}"}).settle()

    assert (first, graded(world, "1.2.0")) == (("minor", "1.0.0"), ("patch", "1.1.0"))


def test_a_grade_outlasts_the_version_that_it_was_found_against(world: Any) -> None:
    world.add("1.0.0", content=saying(REQUIRED)).add("1.1.0", content=saying()).add("1.2.0", content=saying(OPTIONAL))
    world.settle()
    world.drop("1.1.0").settle()

    assert graded(world, "1.2.0") == ("minor", "1.1.0")


def test_a_version_that_cannot_be_served_has_no_grade(world: Any) -> None:
    world.add("1.0.0", content=saying()).add("1.1.0", content={"text": "{{ nobody }}"}).settle()

    assert graded(world, "1.1.0") == (None, None)
