"""Two operators: the one that stands by serves what the leader publishes, takes over, and nobody who follows steps back."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from promptops import codegen
from promptops.cluster.resources import LEASES
from promptops.dev import processes
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, OPERATOR, OperatorEndpoints, Stack, install
from tests.support.followed import following
from tests.support.manifests import prompt
from tests.support.waiting import until, wait_until
from tests.support.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
STANDBY = "standby"
TAKEN_OVER_SECONDS = 17.0
"""After the leader fell silent: the Lease's 15 s, and a look each 2 s."""


@dataclass
class Pair:
    """A leader and a standby on one plane."""

    stack: Stack
    leader: OperatorEndpoints
    standby: OperatorEndpoints

    def holder(self) -> str:
        lease = self.stack.plane.ask(LEASES.path(NAMESPACE, "promptops")).json()
        return f"{lease['spec']['holderIdentity']} {lease['metadata']['annotations'].get('promptops.io/feed')}"

    def leads(self, endpoints: OperatorEndpoints) -> bool:
        return "\npromptops_leader 1.0" in httpx.get(endpoints.metrics_url, timeout=10).text


@pytest.fixture(scope="module")
def pair(new_plane: Callable[[], Plane]) -> Iterator[Pair]:
    plane = new_plane()
    install(plane, codegen.manifests(NAMESPACE))
    stack = Stack(plane)
    leader = stack.start_operator()
    standby = stack.start_operator(name=STANDBY)
    yield Pair(stack, leader, standby)
    plane.down()


async def test_the_standby_serves_takes_over_and_gives_back(pair: Pair) -> None:
    world = World(pair.stack.plane, "default")
    await asyncio.to_thread(world.apply, prompt("greeting", source={"content": {"text": "Hello"}}))
    async with (
        following(pair.stack, pair.leader.feed_url, "one") as one,
        following(pair.stack, pair.standby.feed_url, "two") as two,
    ):
        await until(lambda: one.serves("Hello") and two.serves("Hello"))
        await asyncio.to_thread(wait_until, lambda: world.status("greeting").get("served") == "all")

        await _say(world, "Bonjour")
        await until(lambda: one.serves("Bonjour") and two.serves("Bonjour"))

        # A leader that sleeps through its Lease, and wakes when another one leads.
        (leader,) = processes.find(pair.stack.plane.folder, OPERATOR)
        leader.send_signal(signal.SIGSTOP)
        slept_at = time.monotonic()
        await asyncio.to_thread(wait_until, lambda: pair.leads(pair.standby), pair.holder)
        taken_over_after = time.monotonic() - slept_at
        await _say(world, "Hola")
        await until(lambda: two.serves("Hola"))
        leader.send_signal(signal.SIGCONT)
        await until(lambda: one.serves("Hola"))
        assert not await asyncio.to_thread(pair.leads, pair.leader)

        # A leader that is told to end.
        ended_at = time.monotonic()
        await asyncio.to_thread(pair.stack.plane.stop, STANDBY)
        await asyncio.to_thread(wait_until, lambda: pair.leads(pair.leader), pair.holder)
        handed_over_after = time.monotonic() - ended_at
        await _say(world, "Ciao")
        await until(lambda: one.serves("Ciao"))

        for each in (one, two):
            assert each.seen.never_stepped_back
            assert len({position.term for position in each.seen.positions}) >= 2
        assert two.serves("Hola"), "held without anybody above"
        assert taken_over_after < 3 * TAKEN_OVER_SECONDS
        assert handed_over_after < TAKEN_OVER_SECONDS, "released, not expired"


async def _say(world: World, text: str) -> None:
    await asyncio.to_thread(world.apply, prompt("greeting", source={"content": {"text": text}}))
