"""What the operator writes, by the API server's own account: the audit log. Leases and Events aside."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.cluster.resources import PROMPT_VERSIONS, PROMPTS, Resource
from promptops.dev.stack import Stack
from tests.support.manifests import prompt, version
from tests.support.waiting import eventually
from tests.support.world import World

pytestmark = pytest.mark.cluster

MANY = 200


def test_an_activation_is_one_write_before_it_is_served_and_four_in_all(stack: Stack) -> None:
    world = World(stack.plane, "default")
    world.apply(
        prompt("budget", activeVersion="1.0.0"), version("budget", "1.0.0", "A"), version("budget", "1.1.0", "B")
    )
    eventually(lambda: _phases(world, "budget"), {"1.0.0": "Active", "1.1.0": "Draft"})
    world.until_at_rest(served="all")
    since = world.audit_position()
    world.activate("budget", "1.1.0")
    world.until_serves("budget", "1.1.0", served="all")
    eventually(lambda: _phases(world, "budget"), {"1.0.0": "Superseded", "1.1.0": "Active"})

    writes = world.writes(since)
    world.kubectl("delete", "prompt,promptversion", "--all")

    assert writes == {
        ("update", "prompts", "budget"): 2,
        ("update", "promptversions", "budget-1.0.0"): 1,
        ("update", "promptversions", "budget-1.1.0"): 1,
    }


def test_two_hundred_prompts_at_once_are_two_writes_an_object_at_most(world: World) -> None:
    since = world.audit_position()
    asyncio.run(_create_many(world))
    eventually(lambda: _healthy(world), MANY, within=120)
    eventually(lambda: len(_decided(world)), MANY, within=120)

    writes = world.writes(since)

    assert {verb for verb, _, _ in writes} == {"update"}
    assert len(writes) == 2 * MANY
    assert max(writes.values()) <= 2
    assert all(count == 1 for (_, resource, _), count in writes.items() if resource == "promptversions")


def test_what_is_deleted_together_costs_no_write(world: World) -> None:
    applied = [
        each
        for number in range(10)
        for each in (prompt(f"p{number}", activeVersion="1.0.0"), version(f"p{number}", "1.0.0", "A"))
    ]
    world.apply(*applied)
    world.until_at_rest()
    since = world.audit_position()
    world.delete(*applied)
    # Something else that is decided on later shows that the deletions were.
    world.apply(prompt("later", source={"content": {"text": "x"}}))
    world.until_serves("later", "1.0.0")

    assert {name for _, _, name in world.writes(since)} <= {"later", "later-1.0.0", ""}


def _phases(world: World, name: str) -> dict[str, str]:
    return {
        each["spec"]["version"]: each["status"].get("phase", "")
        for each in world.all("promptversions")
        if each["spec"]["promptRef"]["name"] == name
    }


def _healthy(world: World) -> int:
    return sum(each["status"].get("phase") == "Healthy" for each in world.all("prompts"))


def _decided(world: World) -> list[dict[str, Any]]:
    return [each for each in world.all("promptversions") if each["status"].get("phase") == "Active"]


async def _create_many(world: World) -> None:
    """Sixteen at a time, and in no order."""
    client = Client(await Connection.open(world.plane.kubeconfig))
    objects = Objects(client)
    made = [(PROMPTS, prompt(f"p{number}", activeVersion="1.0.0")) for number in range(MANY)]
    made += [(PROMPT_VERSIONS, version(f"p{number}", "1.0.0", f"text {number}")) for number in range(MANY)]
    for _, manifest in made:
        manifest["metadata"]["namespace"] = world.namespace
    at_once = asyncio.Semaphore(16)

    async def create(resource: Resource, manifest: dict[str, Any]) -> None:
        async with at_once:
            await objects.create(resource, manifest)

    await asyncio.gather(*(create(resource, manifest) for resource, manifest in made))
    await client.close()


def test_a_write_replaces_the_status_and_nothing_else(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "A"))
    world.until_serves("greeting", "1.0.0")

    ours = [
        each
        for each in json.loads(world.kubectl("get", "prompt", "greeting", "-o", "json", "--show-managed-fields"))[
            "metadata"
        ]["managedFields"]
        if each["manager"] == "promptops"
    ]

    assert [(each["operation"], each["subresource"], set(each["fieldsV1"])) for each in ours] == [
        ("Update", "status", {"f:status"})
    ]
