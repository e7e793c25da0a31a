"""What one leader leaves to the next of its followers, in a ConfigMap of a real API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from promptops.api.names import CENSUS_CONFIG_MAP, CENSUS_KEY
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS
from promptops.controller.publish import census
from promptops.controller.publish.census import MAX_SCOPES, CensusRecord
from promptops.dev.plane import Plane
from tests.support.waiting import until

pytestmark = pytest.mark.cluster


@pytest.fixture
async def objects(plane: Plane) -> AsyncIterator[Objects]:
    client = Client(await Connection.open(plane.kubeconfig))
    yield Objects(client)
    await client.close()


class Replica:
    """An operator, as far as it counts."""

    def __init__(self, objects: Objects, namespace: str) -> None:
        self.counted: dict[str, int] = {}
        self.is_leading = True
        self.record = CensusRecord(objects, namespace, lambda: self.counted, lambda: self.is_leading)
        self._running = asyncio.create_task(self.record.run())

    def count(self, **instances: int) -> None:
        self.counted = instances
        self.record.changed()

    def end(self) -> None:
        self._running.cancel()


@pytest.fixture
async def replica(
    objects: Objects, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], Replica]]:
    """Make operators that need not rest between two writes."""
    monkeypatch.setattr(census, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(census, "GATHER_SECONDS", 0.05)
    made = list[Replica]()

    def make() -> Replica:
        made.append(Replica(objects, namespace))
        return made[-1]

    yield make
    for each in made:
        each.end()


async def recorded(objects: Objects, namespace: str) -> Any:
    record = CensusRecord(objects, namespace, dict, lambda: False)
    await record.read()
    return record.instances


async def test_the_next_leader_reads_what_was_counted_last(
    objects: Objects, namespace: str, replica: Callable[[], Replica]
) -> None:
    first = replica()
    before = await recorded(objects, namespace)
    first.count(one=2, two=1)
    await until(lambda: first.record.instances == {"one": 2, "two": 1})
    first.count(one=3, two=0)
    await until(lambda: first.record.instances == {"one": 3, "two": 0})

    assert (before, await recorded(objects, namespace)) == (None, {"one": 3, "two": 0})


async def test_who_is_told_to_end_writes_what_was_counted_last(
    objects: Objects, namespace: str, replica: Callable[[], Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = replica()
    leader.count(one=2)
    await until(lambda: leader.record.instances == {"one": 2})
    monkeypatch.setattr(census, "GATHER_SECONDS", 60)
    leader.count(one=3)
    await leader.record.end()
    leader.is_leading, leader.counted = False, {"one": 9}
    await leader.record.end()

    assert await recorded(objects, namespace) == {"one": 3}


async def test_the_same_count_is_not_written_again(
    objects: Objects, namespace: str, replica: Callable[[], Replica]
) -> None:
    leader = replica()
    leader.count(one=2)
    await until(lambda: leader.record.instances == {"one": 2})
    there = await objects.get(CONFIG_MAPS, namespace, CENSUS_CONFIG_MAP)
    for _ in range(5):
        leader.record.changed()
        await asyncio.sleep(0.1)

    assert await objects.get(CONFIG_MAPS, namespace, CENSUS_CONFIG_MAP) == there


async def test_who_does_not_lead_writes_nothing(
    objects: Objects, namespace: str, replica: Callable[[], Replica]
) -> None:
    standby, leader = replica(), replica()
    standby.is_leading = False
    standby.count(one=9)
    leader.count(one=2)
    await until(lambda: leader.record.instances == {"one": 2})
    await asyncio.sleep(0.2)

    assert await recorded(objects, namespace) == {"one": 2}


@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "written by another"])
async def test_who_leads_says_what_there_is_whatever_became_of_it(
    objects: Objects, namespace: str, replica: Callable[[], Replica], is_deleted: bool
) -> None:
    leader = replica()
    leader.count(one=2)
    await until(lambda: leader.record.instances == {"one": 2})
    there = await objects.get(CONFIG_MAPS, namespace, CENSUS_CONFIG_MAP)
    if is_deleted:
        await objects.delete(CONFIG_MAPS, there)
    else:
        await objects.replace(CONFIG_MAPS, {**there, "data": {CENSUS_KEY: "{}"}})
    leader.count(one=5)
    await until(lambda: leader.record.instances == {"one": 5})

    assert await recorded(objects, namespace) == {"one": 5}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="nothing"),
        pytest.param({CENSUS_KEY: "{"}, id="no JSON"),
        pytest.param({CENSUS_KEY: '["one"]'}, id="a list"),
        pytest.param({CENSUS_KEY: '{"one": "two"}'}, id="no numbers"),
    ],
)
async def test_what_cannot_be_understood_is_no_count_and_is_written_over(
    objects: Objects, namespace: str, replica: Callable[[], Replica], data: dict[str, str]
) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CENSUS_CONFIG_MAP, "namespace": namespace},
        "data": data,
    }
    await objects.create(CONFIG_MAPS, manifest)
    leader = replica()
    await leader.record.read()
    said = leader.record.instances
    leader.count(one=1)
    await until(lambda: leader.record.instances == {"one": 1})

    assert (said, await recorded(objects, namespace)) == (None, {"one": 1})


async def test_a_record_of_more_scopes_than_fit_has_the_largest(
    objects: Objects, namespace: str, replica: Callable[[], Replica]
) -> None:
    scopes = {f"aaaaaaaa-bbbb-4ccc-8ddd-{number:012}": number + 1 for number in range(MAX_SCOPES + 100)}
    leader = replica()
    leader.counted = scopes
    leader.record.changed()
    await until(lambda: leader.record.instances is not None)
    said = await recorded(objects, namespace)

    assert len(json.dumps(said)) < 1024 * 1024
    assert said == {scope: count for scope, count in scopes.items() if count > 100}
