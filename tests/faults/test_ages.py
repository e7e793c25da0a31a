"""How old what is held is, under every fault between an origin and a follower: true within 2 s, and never too young."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from promptops.api.feed import STALE_SECONDS
from promptops.feed import follow
from tests.support.fault_proxy import FaultProxy
from tests.support.hop import Following, Hop, hop
from tests.support.waiting import until

WITHIN_SECONDS = 2.0
LASTS_SECONDS = 2.5


@dataclass
class Chain:
    """A leader that confirms, a network, and a follower behind it."""

    origin: Hop
    leading: asyncio.Task[None]
    network: FaultProxy
    follower: Following

    @property
    def age(self) -> float:
        return self.follower.store.age_seconds(self.origin.clock.now())

    def is_confirmed_after(self, moment: float) -> bool:
        at = self.follower.store.confirmed_at
        return at is not None and at > moment


@pytest.fixture
async def chain(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chain]:
    monkeypatch.setattr(follow, "MAX_BACKOFF_SECONDS", 0.1)
    async with hop() as origin, FaultProxy("127.0.0.1", origin.port) as network:
        leading = asyncio.create_task(origin.lead())
        chain = Chain(origin, leading, network, origin.follow(url=network.url))
        await until(lambda: chain.is_confirmed_after(0))
        yield chain
        leading.cancel()
        network.heal()


async def hangs(chain: Chain) -> None:
    chain.network.stall()


async def is_cut(chain: Chain) -> None:
    chain.network.refuse = True
    await chain.network.cut()


async def is_cut_again_and_again(chain: Chain) -> None:
    chain.network.down.cut_after = 400
    await chain.network.cut()


async def loses_answers(chain: Chain) -> None:
    chain.network.down.swallow = True


async def dies(chain: Chain) -> None:
    await chain.origin.stop(goodbye=False)


async def leads_no_more(chain: Chain) -> None:
    chain.leading.cancel()


FAULTS = [hangs, is_cut, is_cut_again_and_again, loses_answers, dies, leads_no_more]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
async def test_an_age_is_true(chain: Chain, fault: Callable[[Chain], Awaitable[None]]) -> None:
    await fault(chain)
    begun = chain.origin.clock.now()

    await until(lambda: chain.origin.clock.now() > begun + LASTS_SECONDS)

    # What had been sent may still have come; after that, every second counts.
    now, heard = chain.origin.clock.now(), chain.follower.store.confirmed_at
    assert heard is not None
    assert heard <= chain.origin.confirmed_at
    assert LASTS_SECONDS - WITHIN_SECONDS <= chain.age <= now - begun + WITHIN_SECONDS
    assert chain.follower.store.stale(begun + STALE_SECONDS + WITHIN_SECONDS)
    assert not chain.follower.store.stale(heard + STALE_SECONDS)


async def test_what_comes_late_is_as_old_as_it_is(chain: Chain) -> None:
    chain.network.stall()
    await until(lambda: chain.age > LASTS_SECONDS)
    healed = chain.origin.clock.now()

    chain.network.heal()

    await until(lambda: chain.is_confirmed_after(healed))
    assert chain.age < WITHIN_SECONDS
