"""Two operators: the one that stands by serves what the leader publishes, takes over, and nobody who follows steps back."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from promptops import codegen
from promptops.api.feed import Position, Trust
from promptops.api.wire import read
from promptops.cache.signing import KeyVerifier
from promptops.cache.store import Store
from promptops.dev import processes
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, OPERATOR, OperatorEndpoints, Stack, install
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Reporter
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
        lease = json.loads(self.stack.plane.kubectl("get", "lease/promptops", "-n", NAMESPACE, "-o", "json").stdout)
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


class Seen(FollowerObserver):
    """Every position that a follower came to."""

    def __init__(self) -> None:
        self.positions: list[Position] = []
        self.texts: list[str] = []

    def took(self, position: Position, durable: bool) -> None:
        self.positions.append(position)


@dataclass
class Followed:
    """A follower of one replica."""

    store: Store
    seen: Seen

    def serves(self, text: str) -> bool:
        view = self.store.current
        return view is not None and any(text in view.blobs[each].decode() for each in _served(view.entries.values()))


def _served(entries: object) -> list[str]:
    return [entry.stable.digest for entry in entries if entry.stable is not None]  # type: ignore[attr-defined]


@asynccontextmanager
async def following(pair: Pair, endpoints: OperatorEndpoints, name: str) -> AsyncIterator[Followed]:
    stack = pair.stack
    token = stack.feed_token("default", name).read_text()
    trust = read(stack.trust(), Trust)
    store, seen = Store(), Seen()
    connection = Upstream(endpoints.feed_url, lambda: token, stack.feed_context())
    reporter = Reporter(connection, store, name)
    follower = Follower(connection, KeyVerifier(trust), store, (), reporter, observer=seen)
    task = asyncio.create_task(follower.run())
    try:
        yield Followed(store, seen)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_standby_serves_takes_over_and_gives_back(pair: Pair) -> None:
    world = World(pair.stack.plane, "default")
    await asyncio.to_thread(world.apply, prompt("greeting", source={"content": {"text": "Hello"}}))
    async with following(pair, pair.leader, "one") as one, following(pair, pair.standby, "two") as two:
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
            assert each.seen.positions == sorted(each.seen.positions)
            assert len({position.term for position in each.seen.positions}) >= 2
        assert two.serves("Hola"), "held without anybody above"
        assert taken_over_after < 3 * TAKEN_OVER_SECONDS
        assert handed_over_after < TAKEN_OVER_SECONDS, "released, not expired"


async def _say(world: World, text: str) -> None:
    await asyncio.to_thread(world.apply, prompt("greeting", source={"content": {"text": text}}))
