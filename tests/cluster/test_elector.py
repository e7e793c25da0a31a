"""Leadership over a real Lease: one leader at a time, terms that only grow, and a leader that stops itself in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from promptops.cluster.elector import Elector, Leadership, LostLease
from promptops.cluster.errors import ApiUnavailable, Conflict
from promptops.cluster.lease import LeaseRecord, Timing
from promptops.cluster.objects import Objects
from promptops.cluster.resources import LEASES
from tests.support.waiting import SECONDS, until

pytestmark = pytest.mark.cluster

FAST = Timing(duration=2.0, renew_deadline=1.2, retry=0.1)
LASTING = Timing(duration=20.0, renew_deadline=12.0, retry=0.1)
"""Where nobody waits it out, however busy the machine is."""


@dataclass
class Replica:
    """An elector that writes down what happens to it."""

    elector: Elector
    led: list[Leadership] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    async def started(self, leadership: Leadership) -> None:
        self.led.append(leadership)

    async def stopped(self, reason: str) -> None:
        self.lost.append(reason)


class Wire(Objects):
    """The way to the API server: it can be cut, and counts what passes."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects._client)
        self.away = False
        self.reads = 0
        self.writes = 0

    async def get(self, *args: Any) -> dict[str, Any]:
        self._answer()
        self.reads += 1
        return await super().get(*args)

    async def replace(self, *args: Any, **options: Any) -> dict[str, Any]:
        self._answer()
        self.writes += 1
        return await super().replace(*args, **options)

    def _answer(self) -> None:
        if self.away:
            raise ApiUnavailable("cut off")


@asynccontextmanager
async def running(objects: Objects, namespace: str, identity: str, **options: Any) -> AsyncIterator[Replica]:
    replica = Replica(Elector(objects, namespace, "promptops", identity, **{"timing": FAST, **options}))
    task = asyncio.create_task(replica.elector.run(replica.started, replica.stopped))
    try:
        yield replica
    finally:
        task.cancel()


async def lease(objects: Objects, namespace: str) -> dict[str, Any]:
    return await objects.get(LEASES, namespace, "promptops")


async def test_the_first_leader_makes_the_lease_with_an_epoch(objects: Objects, namespace: str) -> None:
    before = int(time.time())
    async with running(objects, namespace, "a") as replica:
        await until(lambda: replica.led)

    record = LeaseRecord.of(await lease(objects, namespace))
    assert (record.holder, record.transitions) == ("a", 1)
    assert record.epoch is not None
    assert before <= record.epoch <= time.time()
    assert replica.led == [Leadership(record.epoch, 1)]


async def test_a_leader_knows_how_long_ago_its_lease_was_renewed(objects: Objects, namespace: str) -> None:
    wire = Wire(objects)
    async with running(wire, namespace, "a") as replica:
        await until(lambda: replica.led)
        elector = replica.elector
        await until(lambda: (elector.renewed_seconds_ago or 0) > 0.05)
        await until(lambda: 0 < (elector.renewed_seconds_ago or 1) < 0.05)
        wire.away = True
        await until(lambda: replica.lost)

    assert elector.renewed_seconds_ago is None


async def test_of_two_replicas_one_leads_and_the_other_follows_a_release_at_once(
    objects: Objects, namespace: str
) -> None:
    async with running(objects, namespace, "a", timing=LASTING) as first:
        await until(lambda: first.led)
        async with running(objects, namespace, "b", timing=LASTING) as second:
            await until(lambda: second.elector.holder == "a")
            while_held = list(second.led)
            released_at = time.monotonic()
            await first.elector.release()
            await until(lambda: second.led)
            took = time.monotonic() - released_at

    assert while_held == []
    assert second.led[0].term == first.led[0].term + 1
    assert second.led[0].epoch == first.led[0].epoch
    assert took < LASTING.duration, "a release need not be waited for"
    assert first.elector.leadership is None


async def test_a_replica_retakes_its_own_lease_at_once_in_a_new_term(objects: Objects, namespace: str) -> None:
    async with running(objects, namespace, "a", timing=LASTING) as before:
        await until(lambda: before.led)
    begun = time.monotonic()
    async with running(objects, namespace, "a", timing=LASTING) as after:
        await until(lambda: after.led)
        took = time.monotonic() - begun

    assert after.led[0].term == before.led[0].term + 1
    assert took < LASTING.duration


async def test_the_lease_of_a_dead_replica_is_waited_out(objects: Objects, namespace: str) -> None:
    async with running(objects, namespace, "dead") as dead:
        await until(lambda: dead.led)
    begun = time.monotonic()
    async with running(objects, namespace, "b") as heir:
        await until(lambda: heir.led)
        took = time.monotonic() - begun

    assert took >= FAST.duration - FAST.retry


async def test_a_leader_that_cannot_renew_stops_before_anyone_else_starts(objects: Objects, namespace: str) -> None:
    cut_off = Wire(objects)
    async with running(cut_off, namespace, "a") as first:
        await until(lambda: first.led)
        async with running(objects, namespace, "b") as second:
            await until(lambda: second.elector.holder == "a")
            cut_off.away = True
            await until(lambda: first.elector.leadership is None)
            when_first_stopped = list(second.led)
            await until(lambda: first.lost and second.led)

    assert when_first_stopped == []
    assert "could not be renewed" in first.lost[0]


async def test_after_the_api_server_returned_the_same_replica_leads_in_a_new_term(
    objects: Objects, namespace: str
) -> None:
    cut_off = Wire(objects)
    async with running(cut_off, namespace, "a") as replica:
        await until(lambda: replica.led)
        cut_off.away = True
        await until(lambda: replica.lost)
        problem = replica.elector.problem
        cut_off.away = False
        await until(lambda: len(replica.led) == 2)

    assert problem == "cut off"
    assert [leadership.term for leadership in replica.led] == [1, 2]


async def test_a_leader_that_slept_knows_when_it_wakes(objects: Objects, namespace: str) -> None:
    slept = 0.0
    async with running(objects, namespace, "a", monotonic=lambda: time.monotonic() + slept) as replica:
        await until(lambda: replica.elector.leadership)
        slept = 60.0

        assert replica.elector.leadership is None, "before its own task had a chance to run"
        await until(lambda: len(replica.led) == 2)


async def test_a_label_on_the_lease_costs_no_leadership(objects: Objects, namespace: str) -> None:
    wire = Wire(objects)
    async with running(wire, namespace, "a", timing=LASTING) as replica:
        await until(lambda: replica.led)
        held = await lease(objects, namespace)
        await _written(objects, {**held, "metadata": {**held["metadata"], "labels": {"seen": "yes"}}})
        wire.writes = 0
        await until(lambda: wire.writes > 2)
        after = await lease(objects, namespace)

    assert replica.lost == []
    assert LeaseRecord.of(after).renewed > LeaseRecord.of(held).renewed
    assert after["metadata"]["labels"] == {"seen": "yes"}


@pytest.mark.parametrize(
    ("usurped", "said"),
    [
        pytest.param(lambda held: _held_by(held, "thief"), "held by thief", id="by another replica"),
    ],
)
async def test_a_leader_whose_lease_was_taken_stops(
    objects: Objects, namespace: str, usurped: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    wire = Wire(objects)
    async with running(wire, namespace, "a", timing=LASTING) as replica:
        await until(lambda: replica.led)
        taken = LeaseRecord.of(await _written(objects, usurped(await lease(objects, namespace))))
        await until(lambda: replica.lost)
        wire.reads = 0
        await until(lambda: wire.reads > 5)
        still = LeaseRecord.of(await lease(objects, namespace))

    assert said in replica.lost[0]
    assert still == taken, "and does not take it back before it expires"


async def test_a_deleted_lease_ends_the_term_and_a_later_epoch_begins(objects: Objects, namespace: str) -> None:
    async with running(objects, namespace, "a", timing=LASTING) as replica:
        await until(lambda: replica.led)
        await until(lambda: time.time() > replica.led[0].epoch + 1)  # epochs count seconds
        held = (await lease(objects, namespace))["metadata"]
        # Whatever it says by now: it is renewed meanwhile.
        await objects.delete(LEASES, {"metadata": {key: held[key] for key in ("name", "namespace", "uid")}})
        await until(lambda: len(replica.led) == 2)

    assert replica.lost == ["the Lease was deleted"]
    assert replica.led[1].epoch > replica.led[0].epoch


async def test_a_raised_epoch_is_above_both_and_in_the_lease(objects: Objects, namespace: str) -> None:
    wire = Wire(objects)
    async with running(wire, namespace, "a", timing=LASTING) as replica:
        await until(lambda: replica.led)
        ours = replica.led[0].epoch
        raised = [await replica.elector.raise_epoch(above) for above in (0, ours + 100)]
        wire.writes = 0
        await until(lambda: wire.writes > 2)

        assert [each.epoch for each in raised] == [ours + 1, ours + 101]
        assert replica.elector.leadership == raised[-1]

    assert LeaseRecord.of(await lease(objects, namespace)).epoch == ours + 101
    assert replica.lost == []


async def test_who_does_not_lead_any_more_cannot_raise_the_epoch(objects: Objects, namespace: str) -> None:
    async with running(objects, namespace, "a", timing=LASTING) as replica:
        await until(lambda: replica.led)
        await _written(objects, _held_by(await lease(objects, namespace), "b"))

        with pytest.raises(LostLease):
            await replica.elector.raise_epoch(0)
        await until(lambda: replica.lost)

    assert replica.elector.leadership is None


async def test_a_term_that_is_still_beginning_is_ended_with_its_lease(objects: Objects, namespace: str) -> None:
    ended: list[str] = []

    async def never_done(_: Leadership) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("beginning")

    async def stopped(_: str) -> None:
        ended.append("term")

    wire = Wire(objects)
    elector = Elector(wire, namespace, "promptops", "a", timing=FAST)
    begin: Callable[[Leadership], Any] = never_done
    stop: Callable[[str], Awaitable[None]] = stopped
    task = asyncio.create_task(elector.run(begin, stop))
    await until(lambda: elector.leadership)
    await until(lambda: wire.writes > FAST.renew_deadline / FAST.retry * 1.5)
    held_on = elector.leadership
    await _written(objects, _held_by(await lease(objects, namespace), "b"))
    await until(lambda: len(ended) == 2)
    task.cancel()

    assert held_on is not None, "renewed while it began"
    assert ended == ["beginning", "term"]


def _held_by(held: dict[str, Any], holder: str) -> dict[str, Any]:
    spec = {**held["spec"], "holderIdentity": holder, "leaseTransitions": held["spec"]["leaseTransitions"] + 1}
    return {**held, "spec": spec}


async def _written(objects: Objects, wanted: dict[str, Any]) -> dict[str, Any]:
    """Write into a Lease that its holder keeps renewing."""
    async with asyncio.timeout(SECONDS):
        while True:
            current = await objects.get(LEASES, wanted["metadata"]["namespace"], "promptops")
            metadata = {**wanted["metadata"], "resourceVersion": current["metadata"]["resourceVersion"]}
            try:
                return await objects.replace(LEASES, {**wanted, "metadata": metadata})
            except Conflict:
                continue
