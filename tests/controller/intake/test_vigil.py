"""A watch that is deaf is found out by a real API server's own account of what happened; one that hears is left alone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from promptops import codegen
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.errors import ApiUnavailable, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import NAMESPACES, PROMPTS, WATCHED, Resource
from promptops.controller.intake.store import ObjectStore
from promptops.controller.intake.vigil import Vigil
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, install
from promptops.telemetry.operator import OperatorMetrics
from tests.support.manifests import prompt
from tests.support.waiting import eventually
from tests.support.world import World

pytestmark = pytest.mark.cluster


class Wire(Objects):
    """The way to the API server, on which a kind can be gone, the whole away, and time can go back."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.gone: set[Resource] = set()
        self.away = False
        self.back = 0

    async def resource_version(self, resource: Resource) -> int:
        if self.away:
            raise ApiUnavailable("cut off")
        if resource in self.gone:
            raise NotFound("404 page not found")
        return await super().resource_version(resource) - self.back


@dataclass
class Watching:
    """A watch that brings nothing, and what is done about it."""

    objects: Wire
    world: World
    store: ObjectStore = field(default_factory=ObjectStore)
    metrics: OperatorMetrics = field(default_factory=OperatorMetrics)
    heard: dict[Resource, int] = field(default_factory=lambda: dict.fromkeys(WATCHED, 0))
    restarts: list[str] = field(default_factory=list)
    rewinds: int = 0

    def __post_init__(self) -> None:
        self.vigil = Vigil(
            self.store, self.objects, lambda: self.heard, self.restarts.append, self._rewind, self.metrics
        )

    def alive(self, resource: Resource = PROMPTS) -> float:
        return self.metrics.registry.get_sample_value("promptops_watch_alive", {"kind": resource.kind}) or 0.0

    async def look(self, times: int = 1) -> None:
        # Other tests share the API server: of what happens to other kinds, this watch heard.
        for _ in range(times):
            for resource in self.heard:
                self.heard[resource] += resource != PROMPTS
            await self.vigil.look()

    async def take_in_everything(self) -> None:
        for manifest in (await self.objects.list(PROMPTS)).objects:
            self.store.ingest(PROMPTS.kind, None, manifest)

    def _rewind(self) -> None:
        self.rewinds += 1


def _ending(plane: Plane) -> list[str]:
    """Namespaces that are on their way out."""
    found = plane.ask(NAMESPACES.path()).json()["items"]
    return [each["metadata"]["name"] for each in found if "deletionTimestamp" in each["metadata"]]


@pytest.fixture
async def watching(plane: Plane) -> AsyncIterator[Watching]:
    install(plane, codegen.manifests(NAMESPACE))
    # What goes with the namespaces of earlier tests, in its own time, would be missed as well.
    eventually(lambda: _ending(plane), [])
    namespace = f"vigil-{secrets.token_hex(4)}"
    plane.kubectl("create", "namespace", namespace)
    client = Client(await Connection.open(plane.kubeconfig))
    made = Watching(Wire(client), World(plane, namespace))
    await made.look()
    yield made
    await client.close()


async def test_a_watch_that_missed_something_is_started_anew(watching: Watching) -> None:
    watching.world.apply(prompt("unheard"))
    await watching.look(2)

    assert watching.restarts == ["the watch of prompts is deaf: it missed 1 changes"]
    assert (watching.alive(), watching.vigil.problem) == (0, watching.restarts[0])


async def test_a_change_that_arrives_a_little_later_is_no_reason(watching: Watching) -> None:
    watching.world.apply(prompt("late"))
    await watching.look()
    await watching.take_in_everything()
    await watching.look()

    assert (watching.restarts, watching.alive(), watching.vigil.problem) == ([], 1, None)


async def test_a_missed_deletion_counts_as_well(watching: Watching) -> None:
    watching.world.apply(prompt("goes"))
    await watching.take_in_everything()
    await watching.look()
    watching.world.delete(prompt("goes"))
    await watching.look(2)

    assert len(watching.restarts) == 1


async def test_silence_when_nothing_happens_is_no_reason(watching: Watching) -> None:
    await watching.look(3)

    assert (watching.restarts, watching.alive()) == ([], 1)


async def test_a_kind_that_is_gone_is_said_and_watched_anew_when_it_is_back(watching: Watching) -> None:
    watching.objects.gone.add(PROMPTS)
    await watching.look()
    said = watching.vigil.problem
    watching.objects.gone.clear()
    await watching.look()
    restarts = list(watching.restarts)
    await watching.look()

    assert said == "prompts.promptops.io is not served: apply its definition again"
    assert restarts == ["prompts were not served for a while"]
    assert watching.vigil.problem is None


async def test_a_watch_that_does_not_come_up_is_started_again(watching: Watching) -> None:
    del watching.heard[PROMPTS]
    await watching.look(2)

    assert watching.restarts == ["the watch of prompts does not come up"]


async def test_a_cluster_that_went_back_in_time_is_read_anew(watching: Watching) -> None:
    watching.objects.back = 1_000
    await watching.look()

    assert watching.rewinds == len(WATCHED)
    assert "the resourceVersion of prompts went back: the cluster was restored" in watching.restarts


async def test_an_api_server_that_is_away_proves_nothing(watching: Watching) -> None:
    watching.objects.away = True
    await watching.look(3)

    assert (watching.restarts, watching.vigil.problem) == ([], None)
