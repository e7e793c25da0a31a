"""What a mirror says is taken while the hop above is away, and never in the place of something newer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from promptops.api.feed import Blob, Position
from promptops.cache.clock import Clock
from promptops.cache.messages import IndexMessage
from promptops.cache.store import Store
from promptops.cache.tiers.tier import Glimpse
from promptops.feed.holding import Rules
from promptops.feed.holdings import Holdings
from promptops.feed.mirroring import Mirroring
from tests.cache.scribe import SCOPE, Scribe, content, entry
from tests.support.waiting import until

scribe = Scribe()


class Held:
    """A mirror in memory, whose contents come when they are let go."""

    def __init__(self, seq: int, text: str) -> None:
        self.message = scribe.index(seq, entry("greeting", text, revision=seq))
        self.text = text
        self.position = Position(1, 1, seq)
        self.glimpses = 0
        self.asked, self.let_go = threading.Event(), threading.Event()

    def glimpse(self) -> Glimpse:
        self.glimpses += 1
        return Glimpse(SCOPE, self.position, self.message.signed, False, Clock().now())

    def index(self) -> IndexMessage:
        return self.message

    def blobs(self, digests: Sequence[str]) -> tuple[Blob, ...]:
        self.asked.set()
        self.let_go.wait(20)
        return (content(self.text),)

    def changed(self, seconds: float) -> bool:
        threading.Event().wait(0.05)
        return False

    def close(self) -> None:
        """Nothing to let go of."""


async def no_blobs(_: list[str]) -> tuple[Blob, ...]:
    return ()


async def test_what_the_hop_above_said_meanwhile_stays() -> None:
    store, away, told = Store(), [True], list[str]()
    holdings = Holdings(Rules(scribe.verifier), store)
    mirror = Held(2, "two")
    mirroring = Mirroring(mirror, holdings, lambda: away[0], lambda reason, _: told.append(reason))
    running = asyncio.create_task(mirroring.run())
    await until(mirror.asked.is_set)

    # The hop above is back, and further, while the mirror is being read.
    newer = scribe.index(3, entry("greeting", "three", revision=3), blobs=[content("three")])
    await holdings.of(SCOPE).take_index(newer, Clock().now(), no_blobs)
    mirror.let_go.set()

    await until(lambda: bool(told))
    running.cancel()
    view = store.current
    assert view is not None
    assert (view.header.seq, view.source) == (3, "live")
    assert told[0] == "LowerPosition"


async def test_what_comes_when_the_hop_above_is_back_is_not_taken() -> None:
    store, away = Store(), [True]
    holdings = Holdings(Rules(scribe.verifier), store)
    mirror = Held(2, "two")
    running = asyncio.create_task(Mirroring(mirror, holdings, lambda: away[0], lambda *_: None).run())
    await until(mirror.asked.is_set)

    away[0] = False
    mirror.let_go.set()

    await until(lambda: mirror.glimpses > 1)
    assert store.current is None
    away[0] = True
    await until(lambda: store.current)
    running.cancel()
    assert store.current is not None
    assert store.current.source == "redis"
