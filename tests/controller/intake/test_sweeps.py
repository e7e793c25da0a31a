"""What a watch lost is found by comparing with lists of a real API server; a lot is removed only when two lists say so."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from promptops import codegen
from promptops.cluster import objects
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS, PROMPTS, TENANTS
from promptops.controller.intake import sweeps
from promptops.controller.intake.door import Door
from promptops.controller.intake.store import ObjectStore
from promptops.controller.intake.sweeps import Sweeper
from promptops.controller.keys import Key
from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from promptops.dev.stack import NAMESPACE, install
from promptops.telemetry.operator import OperatorMetrics
from tests.support.manifests import config_map, prompt, reading, tenant
from tests.support.waiting import until
from tests.support.world import World

pytestmark = pytest.mark.cluster


class Blind:
    """A controller that has no watch: all it learns, it learns from lists."""

    def __init__(self, client: Client, world: World) -> None:
        self.client = client
        self.world = world
        self.store = ObjectStore()
        self.keys: list[Key] = []
        self.metrics = OperatorMetrics()
        door = Door(self.store, lambda key, lane: self.keys.append(key), lambda: None)
        self.sweeper = Sweeper(self.store, Objects(client), door.ingest, self.metrics)

    def names(self, kind: str) -> set[str]:
        return {name for _, name in self.store.names(kind)}

    def sweeps(self, trigger: str) -> float:
        return self.metrics.registry.get_sample_value("promptops_sweeps_total", {"trigger": trigger}) or 0.0

    async def until(self, condition: Callable[[], bool]) -> float:
        """Wait for a condition; return how long that took."""
        begun = time.monotonic()
        await until(condition)
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def alone(file_plane: Plane) -> Plane:
    """A plane on which nobody else's objects count."""
    install(file_plane, codegen.manifests(NAMESPACE))
    return file_plane


@pytest.fixture
async def blind(alone: Plane) -> AsyncIterator[Blind]:
    world = World(alone, "default")
    world.apply(
        *(prompt(f"p{number}", activeVersion="1.0.0") for number in range(4)),
        prompt("style", source=reading("texts")),
        config_map("texts", "one"),
        tenant("team", "default"),
    )
    client = Client(await Connection.open(alone.kubeconfig))
    made = Blind(client, world)
    await made.sweeper.sync()
    running = asyncio.create_task(made.sweeper.run())
    yield made
    running.cancel()
    await client.close()
    world.kubectl("delete", "prompts,promptversions,tenants", "--all")


async def test_complete_lists_make_everything_known(blind: Blind) -> None:
    assert blind.names("Prompt") == {"p0", "p1", "p2", "p3", "style"}
    assert blind.names("Tenant") == {"team"}
    assert "texts" in blind.names("ConfigMap")
    assert blind.store.unread("default", "texts") is not None, "anybody may put a mebibyte there"
    assert {"default", "kube-system"} <= blind.names("Namespace")


async def test_a_collection_is_read_once_by_pages_and_a_first_list_of_a_watch_not_at_all(
    alone: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PAGE", 2)
    asked: list[str] = []
    client = Client(await Connection.open(alone.kubeconfig))
    call = client.call

    async def noted(operation: str, *arguments: Any, **options: Any) -> Any:
        asked.append(operation)
        return await call(operation, *arguments, **options)

    monkeypatch.setattr(client, "call", noted)
    blind = Blind(client, World(alone, "default"))
    blind.world.apply(*(prompt(f"p{number}", activeVersion="1.0.0") for number in range(4)))
    pages = math.ceil(len(blind.world.all("prompt")) / 2)
    blind.sweeper.relisted(PROMPTS)
    before_anything_is_known = blind.sweeper.wanted
    await blind.sweeper.sync()
    of_sync = asked.count("list prompts")
    blind.sweeper.relisted(PROMPTS)
    running = asyncio.create_task(blind.sweeper.run())
    await blind.until(lambda: blind.sweeps("relist") == 1 and asked.count("list prompts") == of_sync + pages)
    running.cancel()
    await client.close()

    assert before_anything_is_known == frozenset()
    assert of_sync == pages
    assert not any(operation == "get prompts" for operation in asked)


async def test_what_was_deleted_created_and_changed_unnoticed_is_found(blind: Blind) -> None:
    blind.world.kubectl("delete", "prompt", "p0")
    blind.world.apply(prompt("p9", activeVersion="1.0.0"), config_map("texts", "two"))
    blind.keys.clear()
    before = _version_of_texts(blind)

    blind.sweeper.request("relist")
    await blind.until(lambda: blind.names("Prompt") == {"p1", "p2", "p3", "p9", "style"})
    await blind.until(lambda: _version_of_texts(blind) > before)

    assert {key.name for key in blind.keys} == {"p0", "p9", "style"}


async def test_a_prompt_recreated_unnoticed_is_known_as_the_new_one(blind: Blind) -> None:
    before = blind.store.get("Prompt", "default", "p0")
    blind.world.kubectl("delete", "prompt", "p0")
    blind.world.apply(prompt("p0", activeVersion="2.0.0"))

    blind.sweeper.request("relist", (PROMPTS,))
    await blind.until(lambda: blind.store.get("Prompt", "default", "p0") != before)

    after = blind.store.get("Prompt", "default", "p0")
    assert after is not None
    assert after["spec"] == {"activeVersion": "2.0.0", "historyLimit": 10}
    assert blind.names("Prompt") == {"p0", "p1", "p2", "p3", "style"}


async def test_a_config_map_that_lost_its_label_is_gone(blind: Blind) -> None:
    blind.world.kubectl("label", "configmap", "texts", "promptops.io/watch-")
    blind.world.apply(config_map("kept", "x"), config_map("kept-too", "x"))
    blind.sweeper.request("relist", (CONFIG_MAPS,))
    await blind.until(lambda: "kept" in blind.names("ConfigMap"))

    blind.sweeper.request("relist", (CONFIG_MAPS,))
    await blind.until(lambda: "texts" not in blind.names("ConfigMap"))

    blind.world.kubectl("delete", "configmap", "kept", "kept-too", "texts")


async def test_more_than_half_of_a_kind_is_removed_when_a_second_list_says_so(blind: Blind) -> None:
    blind.world.kubectl("delete", "prompt", "p0", "p1", "p2")
    blind.world.kubectl("delete", "tenant", "team")

    blind.sweeper.request("relist", (PROMPTS, TENANTS))
    await blind.until(lambda: blind.sweeps("relist") == 2)
    took = await blind.until(
        lambda: blind.names("Prompt") == {"p3", "style"} and blind.names("Tenant") == set(),
    )

    assert took > sweeps.CONFIRM_SECONDS - 1
    assert blind.sweeps("shrink") == 2


async def test_what_a_second_list_contains_again_stays(blind: Blind) -> None:
    blind.world.kubectl("delete", "prompt", "p0", "p1", "p2")
    blind.sweeper.request("relist", (PROMPTS,))
    await blind.until(lambda: blind.sweeps("relist") == 1)
    blind.world.apply(*(prompt(f"p{number}", activeVersion="2.0.0") for number in range(3)))

    await blind.until(lambda: blind.sweeps("shrink") == 1)
    await blind.until(lambda: _active(blind, "p0") == "2.0.0")

    assert blind.names("Prompt") == {"p0", "p1", "p2", "p3", "style"}


async def test_a_sweep_that_cannot_be_done_is_done_later(blind: Blind) -> None:
    blind.world.kubectl("delete", "prompt", "p0")
    configuration = blind.client.connection.configuration
    there, configuration.host = configuration.host, f"https://127.0.0.1:{free_ports(1)[0]}"
    blind.sweeper.request("relist", (PROMPTS,))
    await blind.until(lambda: blind.client.reachable is False)
    configuration.host = there

    await blind.until(lambda: "p0" not in blind.names("Prompt"))


def _version_of_texts(blind: Blind) -> int:
    found = blind.store.get("ConfigMap", "default", "texts")
    return int(found["metadata"]["resourceVersion"]) if found else 0


def _active(blind: Blind, name: str) -> str:
    found = blind.store.get("Prompt", "default", name)
    return str(found["spec"]["activeVersion"]) if found else ""
