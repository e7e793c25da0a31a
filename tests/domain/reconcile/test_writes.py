"""What a change costs: how many writes, in which order, and that a second look costs nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.api.v1alpha1.prompt_version import PromptVersionStatus


def test_an_activation_is_one_write_before_it_is_served_and_four_in_all(world: Any) -> None:
    world.instances = 3
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    world.after(60).forget().apply(activeVersion="1.1.0").settle()

    assert world.log == [
        "write prompt",
        "publish",
        "write prompt",
        "write greeting-1.0.0",
        "write greeting-1.1.0",
    ]


def test_without_instances_an_activation_is_three_writes(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    world.after(60).forget().apply(activeVersion="1.1.0").settle()

    assert world.log == ["write prompt", "publish", "write greeting-1.0.0", "write greeting-1.1.0"]


@pytest.mark.parametrize("instances", [0, 3])
def test_a_new_prompt_with_its_version_at_hand_costs_two_writes_an_object_at_most(world: Any, instances: int) -> None:
    world.instances = instances
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()

    assert world.log.count("write prompt") == (2 if instances else 1)
    assert world.log.count("write greeting-1.0.0") == 1


def test_what_is_missing_is_not_announced_while_objects_keep_arriving(world: Any) -> None:
    world.settled = False
    world.apply(activeVersion="1.0.0").step()
    looked_again = world.outcome.look_again_seconds
    world.add("1.0.0").step()
    world.settled = True
    world.settle()

    assert looked_again == 1.0
    assert (world.log.count("write prompt"), world.said("Ready")) == (1, "True/Active")


def test_what_stays_missing_is_announced_once_it_is_quiet(world: Any) -> None:
    world.settled = False
    world.apply(activeVersion="1.0.0").step()
    before = list(world.log)
    world.settled = True
    world.step()

    assert before == []
    assert (world.log, world.said("Ready")) == (["write prompt"], "False/VersionNotFound")


def test_an_unannounced_absence_leaves_what_is_served_alone(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    before = world.published
    world.settled = False
    world.forget().apply(activeVersion="2.0.0").step()

    assert (world.log, world.published) == ([], before)


def test_the_kill_switch_does_not_wait_for_quiet(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    world.settled = False
    world.apply(activeVersion="2.0.0", disabled=True).step()

    assert world.published.state == "disabled"


def test_an_author_s_fault_is_said_without_waiting(world: Any) -> None:
    world.settled = False
    world.follow("{{ oops").step()

    assert world.said("Ready") == "False/SourceInvalid"


def test_that_more_versions_arrive_is_not_written_one_by_one(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    world.settled = False
    world.forget()
    for minor in range(1, 6):
        world.add(f"1.{minor}.0", str(minor)).step()
    while_arriving = world.log.count("write prompt")
    world.settled = True
    world.step()

    assert while_arriving == 0
    assert (world.log.count("write prompt"), world.status["versionCount"]) == (1, 6)


def test_another_version_to_ask_for_changes_the_entry_and_not_the_revision(world: Any) -> None:
    world.instances = 2
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    world.forget().add("1.1.0", "b").settle()

    assert world.log == ["write prompt", "publish", "write greeting-1.1.0"]
    assert (world.published.revision, world.said("Converged")) == (1, "True/Converged")


def test_an_edit_of_a_followed_source_costs_no_more_than_an_activation(world: Any) -> None:
    world.instances = 2
    world.follow("A").settle()
    world.after(60).forget().follow("B").settle()

    assert world.log == [
        "create greeting-1.0.1",
        "write prompt",
        "publish",
        "write prompt",
        "write greeting-1.0.0",
        "write greeting-1.0.1",
    ]


def test_pruning_costs_no_write_of_the_prompt(world: Any) -> None:
    world.apply(historyLimit=2)
    for edit in "ABC":
        world.follow(edit).settle()
    world.forget().follow("D").settle()

    assert world.log == [
        "create greeting-1.0.3",
        "write prompt",
        "publish",
        "delete greeting-1.0.1",
        "write greeting-1.0.2",
        "write greeting-1.0.3",
    ]


SCENARIOS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda w: w,
    "no choice": lambda w: w.add("1.0.0"),
    "active": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0"),
    "with an id": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0", promptId="team/greeting"),
    "disabled": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0", disabled=True),
    "disabled with nothing to serve": lambda w: w.apply(disabled=True),
    "missing version": lambda w: w.apply(activeVersion="1.0.0"),
    "missing next version": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0").settle().apply(activeVersion="2.0.0"),
    "broken version": lambda w: w.add("1.0.0", "{{ oops").apply(activeVersion="1.0.0"),
    "archived version": lambda w: w.add("1.0.0", lifecycle="Archived").apply(activeVersion="1.0.0"),
    "deprecated version": lambda w: w.add("1.0.0", lifecycle="Deprecated").apply(activeVersion="1.0.0"),
    "digest mismatch": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0", activeDigest="sha256:" + "0" * 64),
    "held": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0").settle().drop("1.0.0"),
    "held and disabled": lambda w: (
        w.add("1.0.0").apply(activeVersion="1.0.0").settle().drop("1.0.0").apply(disabled=True)
    ),
    "came back different": lambda w: (
        w.add("1.0.0").apply(activeVersion="1.0.0").settle().drop("1.0.0").add("1.0.0", "other")
    ),
    "rolled back": lambda w: (
        w.add("1.0.0")
        .add("1.1.0", "b")
        .apply(activeVersion="1.0.0")
        .settle()
        .apply(activeVersion="1.1.0")
        .settle()
        .apply(activeVersion="1.0.0")
    ),
    "followed source": lambda w: w.follow("A").settle().follow("B"),
    "source went back": lambda w: w.follow("A").settle().follow("B").settle().follow("A"),
    "source refused": lambda w: w.follow("A").settle().follow("{{ oops"),
    "pinned source": lambda w: w.follow("A").settle().follow("B").settle().apply(activeVersion="1.0.0"),
    "config map": lambda w: w.configure({"prompt": "A"}).refer(),
    "config map gone": lambda w: w.configure({"prompt": "A"}).refer().settle().having(config_map=None),
    "key gone": lambda w: w.configure({"prompt": "A"}).refer().settle().configure({"b": "B"}),
    "pruned": lambda w: w.apply(historyLimit=1).follow("A").settle().follow("B").settle().follow("C"),
    "unreadable spec": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0").settle().apply(historyLimit="x"),
    "unadmitted": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0").having(tenant=None),
    "no longer admitted": lambda w: w.add("1.0.0").apply(activeVersion="1.0.0").settle().having(tenant=None),
    "being deleted": lambda w: (
        w.add("1.0.0")
        .apply(activeVersion="1.0.0")
        .settle()
        .prompt["metadata"]
        .update(deletionTimestamp="2026-01-01T00:00:00Z")
        or w
    ),
    "lagging": lambda w: w.having(behind=1).add("1.0.0").apply(activeVersion="1.0.0").settle().after(61),
}


@pytest.mark.parametrize("instances", [0, 2])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_second_look_and_a_restart_change_nothing(
    new_world: Callable[[], Any], scenario: str, instances: int
) -> None:
    world = new_world()
    world.instances = instances
    SCENARIOS[scenario](world).settle()
    status, entry, versions = world.status, world.published, dict(world.versions)
    world.forget()

    world.settle()
    again = (list(world.log), list(world.events))
    world.restart().after(3600).settle()
    world.heard = True
    world.settle()
    restarted = [line for line in world.log if line != "publish"]

    assert again == ([], [])
    assert (restarted, world.events) == ([], [])
    assert (world.status, world.published, world.versions) == (status, entry, versions)


@pytest.mark.parametrize("instances", [0, 2])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_status_is_what_the_schema_knows(new_world: Callable[[], Any], scenario: str, instances: int) -> None:
    world = new_world()
    world.instances = instances
    SCENARIOS[scenario](world).settle()

    for status in (world.status, *world.writes):
        PromptStatus.model_validate(status, by_alias=True, by_name=False)
    for version in world.versions.values():
        PromptVersionStatus.model_validate(version["status"], by_alias=True, by_name=False)


@pytest.mark.parametrize("first", SCENARIOS)
def test_whatever_happened_before_a_good_version_is_served_in_the_end(new_world: Callable[[], Any], first: str) -> None:
    world = new_world()
    world.instances = 2
    SCENARIOS[first](world).settle()
    world.prompt["metadata"].pop("deletionTimestamp", None)
    world.tenant, world.behind = "team", 0
    world.after(60).add("7.0.0", "good")
    world.apply(
        activeVersion="7.0.0", activeDigest=None, disabled=None, historyLimit=10, source=None, acceptBreaking="7.0.0"
    ).settle()

    assert (world.serving, world.said("Ready"), world.said("Converged")) == ("7.0.0", "True/Active", "True/Converged")
    assert (world.published.state, world.published.stable.version) == ("active", "7.0.0")
    assert (world.said("Stalled"), world.said("Reconciling"), world.status["phase"]) == ("", "", "Healthy")
