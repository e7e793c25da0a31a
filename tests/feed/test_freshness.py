"""How old what is held is: since the origin confirmed it, whatever lies between and whoever connects anew."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from functools import partial

import pytest

from promptops.api import reasons
from promptops.feed import follow
from tests.support.fault_proxy import FaultProxy
from tests.support.hop import SCOPE, Following, Hop, hop
from tests.support.waiting import until

TOLERANCE = 1.0
"""Seconds by which an age may be too great on a busy machine; it is never too small."""


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnects take milliseconds."""
    monkeypatch.setattr(follow, "MIN_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(follow, "MAX_BACKOFF_SECONDS", 0.05)


@pytest.fixture
async def proxy(running: Hop) -> AsyncIterator[FaultProxy]:
    async with FaultProxy("127.0.0.1", running.port) as made:
        yield made


def is_as_old_as(following: Following, hop: Hop) -> bool:
    """Whether the follower says so of what the origin confirmed last."""
    at = following.store.confirmed_at
    return at is not None and hop.confirmed_at - TOLERANCE < at <= hop.confirmed_at


async def test_connecting_anew_to_a_silent_origin_makes_nothing_younger(
    running: Hop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "STALE_SECONDS", 0.1)
    following = running.follow()
    await until(lambda: following.serves("Hello"))
    await until(lambda: following.observed.disconnections.count(reasons.HEARTBEAT_MISSED) >= 12)

    assert running.clock.now() - running.confirmed_at > TOLERANCE
    assert is_as_old_as(following, running)


async def test_publishing_makes_nothing_younger(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))
    for number in range(5):
        running.put(("greeting", f"text {number}"), revision=2 + number)
        await until(partial(following.serves, f"text {number}"))

    assert is_as_old_as(following, running)
    running.confirm()
    await until(lambda: is_as_old_as(following, running))


async def test_a_leader_that_leads_no_more_confirms_no_more(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))
    confirmed_at = following.store.confirmed_at
    assert confirmed_at is not None

    now = confirmed_at + 12

    assert following.store.stale(now)
    assert following.store.age_seconds(now) == pytest.approx(12)


async def test_what_waited_in_the_network_is_as_old_as_it_is(running: Hop, proxy: FaultProxy) -> None:
    following = running.follow(url=proxy.url)
    await until(lambda: following.serves("Hello"))
    before = following.store.confirmed_at
    proxy.stall()
    running.confirm()
    waited_from = time.monotonic()
    await until(lambda: time.monotonic() > waited_from + 2 * TOLERANCE)

    proxy.heal()

    await until(lambda: following.store.confirmed_at != before)
    assert is_as_old_as(following, running)


@pytest.mark.parametrize("hops", [2, 3])
async def test_every_hop_says_how_old_it_is(hops: int) -> None:
    async with hop() as first:
        above = first
        followings = []
        relays = []
        for number in range(hops):
            following = above.follow(instance=f"hop-{number}")
            await until(partial(following.serves, "Hello"))
            followings.append(following)
            relay = above.relayed(following.store)
            await relay.start()
            relays.append(relay)
            above = relay
        last = above.follow(instance="last")
        await until(lambda: last.serves("Hello"))
        await until(lambda: is_as_old_as(last, first))
        first.confirm()
        await until(lambda: is_as_old_as(last, first))
        assert all(is_as_old_as(following, first) for following in followings)
        for relay in reversed(relays):
            for each in relay.followings:
                await each.stop()
            await relay.stop()


async def test_a_restart_of_the_hop_above_makes_nothing_younger(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))
    connections = following.observed.connections

    await running.stop()
    await running.start()

    await until(lambda: following.observed.connections > connections and following.follower.connected)
    assert is_as_old_as(following, running)
    assert running.origin.store(SCOPE) is not None
