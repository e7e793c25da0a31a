"""The Lease is renewed whatever the operator's own loop is busy with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from promptops.cluster.client import Client
from promptops.cluster.election import Election
from promptops.cluster.elector import Leadership
from promptops.cluster.lease import LeaseRecord, Timing
from promptops.cluster.objects import Objects
from promptops.cluster.resources import LEASES
from tests.support.waiting import until

pytestmark = pytest.mark.cluster

FAST = Timing(duration=4.0, renew_deadline=3.2, retry=0.1)


class Competing:
    """An election whose outcome is written down in the loop that started it."""

    def __init__(self, client: Client, namespace: str, identity: str) -> None:
        self.election = Election(client.connection, namespace, "promptops", identity, timing=FAST)
        self.led: list[Leadership] = []
        self.lost: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.elsewhere = False
        self.task = asyncio.create_task(self.election.run(self.started, self.stopped))

    async def started(self, leadership: Leadership) -> None:
        self.elsewhere |= asyncio.get_running_loop() is not self.loop
        self.led.append(leadership)
        await asyncio.Event().wait()

    async def stopped(self, reason: str) -> None:
        self.elsewhere |= asyncio.get_running_loop() is not self.loop
        self.lost.append(reason)


@pytest.fixture
async def competing(client: Client, namespace: str) -> AsyncIterator[Competing]:
    made = Competing(client, namespace, "a")
    await until(lambda: made.led)
    yield made
    await made.election.close()
    made.task.cancel()


async def test_a_loop_that_is_busy_for_longer_than_the_lease_lasts_keeps_it(
    competing: Competing, objects: Objects, namespace: str
) -> None:
    time.sleep(1.2 * FAST.duration)  # noqa: ASYNC251  this is the busy loop

    held = LeaseRecord.of(await objects.get(LEASES, namespace, "promptops"))
    assert (held.holder, held.transitions) == ("a", competing.led[0].term)
    assert (competing.election.leadership, competing.lost) == (competing.led[0], [])


async def test_what_begins_and_ends_a_term_runs_where_the_work_is_done(
    competing: Competing, objects: Objects, namespace: str
) -> None:
    await objects.delete(LEASES, await _quiet(objects, namespace))
    await until(lambda: len(competing.led) == 2)

    assert (competing.lost, competing.elsewhere) == (["the Lease was deleted"], False)


async def test_a_release_and_a_raised_epoch_go_the_same_way(
    competing: Competing, objects: Objects, namespace: str
) -> None:
    raised = await competing.election.raise_epoch(competing.led[0].epoch + 10)
    await competing.election.release()

    after = LeaseRecord.of(await objects.get(LEASES, namespace, "promptops"))
    assert raised == Leadership(competing.led[0].epoch + 11, competing.led[0].term)
    assert (after.holder, after.epoch, competing.election.leadership) == ("", raised.epoch, None)


async def _quiet(objects: Objects, namespace: str) -> dict[str, object]:
    """The Lease without its resourceVersion: its holder renews it all the time."""
    lease = await objects.get(LEASES, namespace, "promptops")
    return {**lease, "metadata": {key: value for key, value in lease["metadata"].items() if key != "resourceVersion"}}
