"""A status says what is so: no condition is true of something that is not in force, and none is too long to be written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.domain.content.canonical import digest_of
from promptops.domain.reconcile import decide_prompt
from promptops.domain.snapshot import Refusal

QUOTA = "promptversions is forbidden: exceeded quota: few-versions"


@pytest.mark.parametrize("instances", [0, 2])
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"activeVersion": "9.9.9"}, id="a version that is not there"),
        pytest.param({"activeVersion": "1.2.0"}, id="a version that cannot be served"),
        pytest.param({"activeDigest": "sha256:" + "0" * 64}, id="another digest"),
        pytest.param({"activeVersion": None}, id="nothing any more"),
        pytest.param({"historyLimit": 0}, id="a spec that cannot be read"),
        pytest.param({"source": {"configMapKeyRef": {"name": "gone", "key": "k"}}}, id="a source that is not there"),
    ],
)
def test_converged_is_true_only_with_ready(world: Any, edit: dict[str, Any], instances: int) -> None:
    world.instances = instances
    world.add("1.0.0").add("1.2.0", "{{ undeclared }}").apply(activeVersion="1.0.0").settle()
    before = world.said("Converged")
    world.apply(**edit).settle()

    assert before.startswith("True/")
    assert world.said("Ready").startswith("False/")
    assert world.said("Converged") == "False/NotInForce"


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize(("instances", "converged"), [(0, "True/NoConsumers"), (2, "True/Converged")])
def test_what_was_served_all_along_has_converged_when_it_is_asked_for_again(
    world: Any, instances: int, converged: str, heard: bool
) -> None:
    world.instances = instances
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    world.apply(activeVersion="9.9.9").settle()
    world.heard = heard
    world.apply(activeVersion="1.0.0").settle()

    assert (world.said("Ready"), world.said("Converged")) == ("True/Active", converged)


LONG = "k" * 40_000


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(
            {"source": {"content": {"text": "a", "parameters": {"extra": {LONG: 1e300}}}}}, id="key of a source"
        ),
        pytest.param({"source": {"content": {"text": "a", LONG: 1}}}, id="unknown field of a source"),
        pytest.param({LONG: 1}, id="unknown field of the spec"),
        pytest.param({"promptId": LONG, "activeVersion": LONG}, id="values"),
    ],
)
def test_whatever_is_wrong_the_status_can_be_written(world: Any, spec: dict[str, Any]) -> None:
    world.apply(manager="m" * 300, **spec).settle()

    PromptStatus.model_validate(world.status)
    assert world.said("Ready").startswith("False/")


class TestRefusedCreation:
    """Quota or a policy forbids the version that a source should become."""

    def refuse(self, world: Any, final: bool = False) -> Any:
        created = world.decide().create
        spec = created[0]["spec"] if created else {}
        snapshot = replace(world.snapshot(), refused=Refusal("greeting-1.0.1", spec, QUOTA, final))
        return decide_prompt(snapshot, world.now)

    @pytest.mark.parametrize(("final", "says"), [(False, "Reconciling"), (True, "Stalled")])
    def test_it_is_said_in_the_words_of_who_refused(self, world: Any, final: bool, says: str) -> None:
        world.follow("A").settle()
        world.follow("B")

        outcome = self.refuse(world, final)

        said = {each["type"]: each for each in outcome.status["conditions"]}
        assert (said["Ready"]["status"], said["Ready"]["reason"]) == ("False", "CreationRefused")
        assert QUOTA in said["Ready"]["message"]
        assert said[says]["status"] == "True"
        assert said["Converged"]["status"] == "False"
        assert [each.reason for each in outcome.transitions] == ["CreationRefused"]

    def test_what_served_before_goes_on(self, world: Any) -> None:
        world.follow("A").settle()
        world.follow("B")

        assert self.refuse(world).entry.stable.version == "1.0.0"

    def test_other_content_is_tried_at_once(self, world: Any) -> None:
        world.follow("B")
        spec = world.decide().create[0]["spec"]
        world.follow("C")

        outcome = decide_prompt(
            replace(world.snapshot(), refused=Refusal("greeting-1.0.0", spec, QUOTA, False)), world.now
        )

        assert [each["spec"]["content"]["text"] for each in outcome.create] == ["C"]

    def test_once_the_content_is_there_nothing_is_refused(self, world: Any) -> None:
        world.follow("A").settle()

        assert self.refuse(world).status == world.status


class TestSource:
    """What the source says now stands in status."""

    def test_an_edit_of_a_key_can_be_waited_for(self, world: Any) -> None:
        world.configure({"prompt": "One"}).refer().settle()
        world.configure({"prompt": "Two"}).settle()

        source = world.status["source"]
        assert source["keyDigest"] == digest_of(b"Two")
        assert source["version"] == world.serving
        assert source["digest"] == world.status["serving"]["stable"]["digest"]

    def test_refused_content_has_no_digest(self, world: Any) -> None:
        world.configure({"prompt": "{{ undeclared }}"}).refer().settle()

        assert world.status["source"] == {"keyDigest": digest_of(b"{{ undeclared }}")}

    def test_edits_beside_a_pinned_version_are_said(self, world: Any) -> None:
        world.follow("A {{ name }}").settle()
        world.apply(activeVersion="1.0.0").settle()
        before = world.condition("Ready")["message"]
        world.follow("B {{ name }}").settle()

        assert (world.serving, world.status["desired"], world.said("Ready")) == ("1.0.0", "1.0.0", "True/Active")
        assert before == "version 1.0.0 is active"
        assert world.condition("Ready")["message"] == (
            "version 1.0.0 is active; spec.source has other content, which is not served while spec.activeVersion names "
            "1.0.0: set spec.activeVersion to 1.0.1, or remove spec.activeVersion to follow the source"
        )


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        pytest.param(["1.0.0"], "Activated", id="the first"),
        pytest.param(["1.0.0", "1.1.0"], "Activated", id="to a higher number"),
        pytest.param(["1.1.0", "1.0.0"], "RolledBack", id="to a lower one that was never served"),
        pytest.param(["1.0.0", "1.1.0", "1.0.0", "1.1.0"], "Activated", id="to a higher one that was served before"),
        pytest.param(["1.10.0", "1.9.0"], "RolledBack", id="numbers, not texts"),
    ],
)
def test_up_is_an_activation_and_down_a_roll_back(world: Any, steps: list[str], reason: str) -> None:
    for number in set(steps):
        world.add(number, number)
    for number in steps:
        world.apply(activeVersion=number).settle()

    assert world.status["history"][0]["reason"] == reason
    assert world.events[-1].reason == reason


def test_what_is_switched_off_is_not_healthy(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0", disabled=True).settle()

    assert (world.status["phase"], world.said("Ready")) == ("Disabled", "True/Disabled")


@pytest.mark.parametrize(
    ("spec", "desired"),
    [
        pytest.param({"activeVersion": "2.0.0"}, "2.0.0", id="a number, be it there or not"),
        pytest.param({"source": {"content": {"text": "A"}}}, "1.0.0", id="what the source became"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_what_is_asked_for_stands_in_status(world: Any, spec: dict[str, Any], desired: str | None) -> None:
    world.apply(**spec).settle()

    assert world.status.get("desired") == desired


def test_a_version_that_can_never_be_served_is_stalled_at_once(world: Any) -> None:
    world.add("1.0.0", "{{ undeclared }}").add("1.1.0").settle()

    stalled = {
        number: [each["reason"] for each in world.version_status(number)["conditions"] if each["type"] == "Stalled"]
        for number in ("1.0.0", "1.1.0")
    }
    assert stalled == {"1.0.0": ["UndeclaredVariable"], "1.1.0": []}


class TestWarnings:
    """What an author probably did not mean is said where authors look."""

    def test_it_stands_in_ready_of_version_and_prompt_and_in_an_event(self, world: Any) -> None:
        content = {"text": "Hi", "variables": [{"name": "name", "type": "string"}]}
        world.add("1.0.0", content=content).apply(activeVersion="1.0.0").settle()

        version = next(each for each in world.version_status("1.0.0")["conditions"] if each["type"] == "Ready")
        assert (version["status"], '"name" is' in version["message"]) == ("True", True)
        assert world.said("Ready") == "True/Active"
        assert '"name" is' in world.condition("Ready")["message"]
        assert [each.type for each in world.events if each.reason == "UnusedVariable"] == ["Warning"]

    def test_what_the_author_of_a_version_accepts_stands_nowhere(self, world: Any) -> None:
        content = {"text": "Hi", "variables": [{"name": "name", "type": "string"}]}
        accepting = {"name": "greeting-1.0.0", "annotations": {"promptops.io/accept": "UnusedVariable"}}
        world.add("1.0.0", content=content, metadata=accepting).apply(activeVersion="1.0.0").settle()

        assert "name" not in world.condition("Ready")["message"]
        assert [each for each in world.events if each.reason == "UnusedVariable"] == []


class TestPruning:
    """Only what was made here is deleted: the owner says so."""

    def test_a_label_in_git_does_not_get_a_version_pruned(self, world: Any) -> None:
        label = {"labels": {"promptops.io/generated": "true", "promptops.io/prompt": "greeting"}}
        for patch in range(5):
            world.add(f"1.0.{patch}", f"{patch}", metadata={"name": f"greeting-1.0.{patch}", **label})
        world.apply(activeVersion="1.0.4", historyLimit=1).settle()

        assert len(world.versions) == 5

    @pytest.mark.parametrize("labelled", [True, False])
    def test_what_was_made_from_the_source_goes_with_or_without_the_label(self, world: Any, labelled: bool) -> None:
        world.apply(historyLimit=1)
        for text in "ABCD":
            world.follow(text).settle()
            for version in world.versions.values() if not labelled else ():
                version["metadata"].pop("labels", None)
        world.settle()

        assert sorted(world.versions) == ["greeting-1.0.2", "greeting-1.0.3"]


@pytest.mark.parametrize(
    ("texts", "dropped", "numbers"),
    [
        pytest.param(["A"], ["1.0.0"], ["1.0.0"], id="the only one"),
        pytest.param(["A", "B"], ["1.0.1"], ["1.0.0", "1.0.1"], id="the newest"),
        pytest.param(["A", "B"], ["1.0.0", "1.0.1"], ["1.0.1"], id="all of them"),
    ],
)
def test_content_that_history_knows_gets_its_number_back(
    world: Any, texts: list[str], dropped: list[str], numbers: list[str]
) -> None:
    for text in texts:
        world.follow(text).settle()
    for number in dropped:
        world.drop(number)
    world.settle()

    assert sorted(version["spec"]["version"] for version in world.versions.values()) == numbers


def test_a_number_that_means_something_else_by_now_is_not_given_back(world: Any) -> None:
    world.follow("A").settle()
    world.drop("1.0.0").add("1.0.0", "other").settle()

    assert sorted(world.versions) == ["greeting-1.0.0", "greeting-2.0.0"]
