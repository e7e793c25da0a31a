"""Hostile and mistaken manifests against a running operator: what serves goes on, and what is asked for says why it does not."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.review import review
from tests.crds.server import Server
from tests.support.manifests import prompt, version
from tests.support.world import World
from tests.threats.running import collection
from tests.threats.unlisted_manifests import OTHERS, VERSIONS

pytestmark = pytest.mark.cluster

FAILS: list[dict[str, Any]] = [{"name": "fails", "expect": [{"contains": "Bye"}]}]


@pytest.fixture
def world(stack: Any, stack_namespace: str) -> World:
    """A namespace of the test's own, with a prompt that serves."""
    made = World(stack.plane, stack_namespace)
    made.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "Hello"))
    made.until_serves("greeting", "1.0.0")
    return made


@pytest.mark.parametrize(
    ("there", "asked", "reason"),
    [
        pytest.param([], "2.0.0", "VersionNotFound", id="M12 a version that does not exist"),
        pytest.param([version("other", "1.0.0", "Hi")], "1.0.0-other", "VersionNotFound", id="M12 a version of another prompt"),
        pytest.param([version("greeting", "2.0.0", "Hello", tests=FAILS)], "2.0.0", "TestsFailed", id="M12 a version whose tests failed"),
        pytest.param([version("greeting", "2.0.0", "Hello", lifecycle="Archived")], "2.0.0", "VersionArchived", id="M12 an archived version"),
        pytest.param([version("greeting", "2.0.0", "{{ x }}")], "2.0.0", "VersionInvalid", id="a version that cannot be rendered"),
        pytest.param([version("greeting", "2.0.0", {"text": "Hi", "parameters": {"extra": "a" * 140_000}})], "2.0.0", "VersionInvalid", id="M15 a version beyond its bound"),
    ],
)  # fmt: skip
def test_what_serves_goes_on(world: World, there: list[dict[str, Any]], asked: str, reason: str) -> None:
    if there:
        world.apply(*there)
    world.activate("greeting", asked)
    world.until_ready("greeting", "False", reason)

    assert world.serves("greeting") == "1.0.0"


def test_m13_a_prompt_of_the_same_name_serves_nothing_of_the_former_one(world: World) -> None:
    before = world.get("prompt", "greeting")["metadata"]["uid"]
    world.delete(prompt("greeting"), version("greeting", "1.0.0", "Hello"))
    world.apply(prompt("greeting", activeVersion="1.0.0"))
    world.until_ready("greeting", "False", "VersionNotFound")

    assert world.get("prompt", "greeting")["metadata"]["uid"] != before
    assert world.serves("greeting") is None


def test_an_api_server_or_what_reads_it_refuses_manifests_that_no_list_names(stack: Any, stack_namespace: str) -> None:
    """The webhook is not asked: what the API server lets through, the operator says in the same words as `review`."""
    server = Server(stack.plane)
    let_through = [
        name
        for name, manifest in {**VERSIONS, **OTHERS}.items()
        if server.send("POST", f"{collection(manifest, stack_namespace)}?dryRun=All", manifest).is_success
        and not any(each.severity == "error" for each in review(manifest))
    ]

    assert let_through == []
