"""What holds whatever happens in whatever order: hundreds of random lives of a Prompt, and death at any step."""

import hashlib
import random
from collections.abc import Callable
from typing import Any

import pytest

from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.domain.conditions import moment

NUMBERS = ("1.0.0", "1.0.1", "1.1.0", "2.0.0")
TEMPLATES = ("A", "B", "C {{ name }}", "{{ oops")
LIFECYCLES = ("Available", "Available", "Deprecated", "Archived")

Operation = Callable[[Any, random.Random], Any]


def add_or_drop(world: Any, chance: random.Random) -> None:
    number = chance.choice(NUMBERS)
    if f"greeting-{number}" in world.versions:
        world.drop(number)
    else:
        world.add(number, chance.choice(TEMPLATES), lifecycle=chance.choice(LIFECYCLES))


def change_lifecycle(world: Any, chance: random.Random) -> None:
    if world.versions:
        name = chance.choice(sorted(world.versions))
        world.change(name.removeprefix("greeting-"), lifecycle=chance.choice(LIFECYCLES))


OPERATIONS: tuple[Operation, ...] = (
    add_or_drop,
    add_or_drop,
    change_lifecycle,
    lambda world, chance: world.apply(activeVersion=chance.choice((*NUMBERS, None))),
    lambda world, chance: world.apply(disabled=chance.choice((True, None, None))),
    lambda world, chance: world.apply(promptId=chance.choice(("hello", "team/x", None))),
    lambda world, chance: world.apply(historyLimit=chance.choice((1, 2, 10, "many"))),
    lambda world, chance: world.follow(chance.choice(TEMPLATES)),
    lambda world, chance: world.apply(source=None),
    lambda world, chance: world.configure({chance.choice(("prompt", "other")): chance.choice(TEMPLATES)}),
    lambda world, chance: world.refer() if chance.random() < 0.5 else world.having(config_map=None),
    lambda world, chance: world.having(tenant=chance.choice(("team", "team", "team", None))),
    lambda world, chance: world.having(settled=chance.random() < 0.7),
    lambda world, chance: world.having(instances=chance.randrange(4), behind=0),
    lambda world, chance: world.having(behind=min(world.instances, chance.randrange(2))),
    lambda world, chance: world.after(chance.choice((1, 4, 30, 70))),
    lambda world, chance: world.restart() if chance.random() < 0.5 else world.having(heard=True),
    lambda world, chance: world.having(rivals=[world.make_prompt("hello", "u0")] if chance.random() < 0.5 else []),
)


def assert_whole(world: Any) -> None:
    """What is published is one legitimate version, whole, and what status says."""
    entry = world.published
    blobs = {digest: found.canonical or b"" for digest, found in world.outcome.contents.items()}
    assert all(digest == "sha256:" + hashlib.sha256(content).hexdigest() for digest, content in blobs.items())
    if entry is None:
        assert world.status.get("phase") in (None, "Pending")
        return
    assert entry.revision == world.status["serving"]["revision"]
    assert {pin.digest for pin in entry.pins} <= blobs.keys()
    if entry.state == "active":
        assert entry.digests() <= blobs.keys()
    if entry.stable is not None:
        stable = world.status["serving"]["stable"]
        assert (entry.stable.version, entry.stable.digest) == (stable["version"], stable["digest"])
        assert (world.status["history"][0]["version"], world.status["history"][0]["digest"]) == (
            entry.stable.version,
            entry.stable.digest,
        )


def assert_truthful(world: Any) -> None:
    """Status is what the schema knows, and its words do not contradict each other."""
    PromptStatus.model_validate(world.status, by_alias=True, by_name=False)
    ready, converged = world.said("Ready"), world.said("Converged")
    if world.status.get("phase") == "Healthy":
        assert ready.startswith("True/")
    if world.said("Stalled"):
        assert ready.startswith("False/")
        assert not world.said("Reconciling")
    if converged == "True/Converged":
        assert world.status["served"] == "all"
    assert all(moment(each["lastTransitionTime"]) <= world.now for each in world.status.get("conditions", ()))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens(new_world: Callable[[], Any], seed: int) -> None:
    world, chance = new_world(), random.Random(seed)  # noqa: S311
    world.instances = 2
    revision = 0
    decided: dict[int, Any] = {}

    for _ in range(40):
        chance.choice(OPERATIONS)(world, chance)
        world.settle()
        again = world.decide()

        assert again.status in (None, world.status)
        assert (again.entry, again.create, again.transitions, again.prune) == (world.published, (), (), ())
        assert_whole(world)
        assert_truthful(world)
        serving = world.status.get("serving", {"revision": revision})
        assert serving["revision"] >= revision
        if serving["revision"] == revision and world.published is not None and revision:
            assert decided[revision] == serving
        revision = serving["revision"]
        decided[revision] = serving


@pytest.mark.parametrize("died_after", range(5))
@pytest.mark.parametrize("instances", [0, 2])
def test_death_after_any_step_of_an_activation_ends_in_the_same(
    new_world: Callable[[], Any], died_after: int, instances: int
) -> None:
    world = new_world()
    world.instances = instances
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    world.after(60).forget().apply(activeVersion="1.1.0")
    for _ in range(died_after):
        world.step()
    world.restart().settle()
    world.heard = True
    world.settle()

    assert (world.serving, world.status["serving"]["revision"]) == ("1.1.0", 2)
    assert world.said("Converged") == ("True/Converged" if instances else "True/NoConsumers")
    assert [each["version"] for each in world.status["history"]] == ["1.1.0", "1.0.0"]
    assert world.log.count("write prompt") <= 2
    assert [each.reason for each in world.events] == ["Activated"]


@pytest.mark.parametrize("died_after", range(6))
def test_death_after_any_step_of_an_edit_of_the_source_makes_one_version(
    new_world: Callable[[], Any], died_after: int
) -> None:
    world = new_world()
    world.follow("A").settle()
    world.forget().follow("B")
    for _ in range(died_after):
        world.step()
    world.restart().settle()
    world.heard = True
    world.settle()

    assert sorted(world.versions) == ["greeting-1.0.0", "greeting-1.0.1"]
    assert (world.serving, world.status["serving"]["revision"]) == ("1.0.1", 2)
