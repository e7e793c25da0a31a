"""Follows the feed of the hop above, for as long as it takes. An error never takes anything away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Final, TypeVar

from promptops.api import reasons
from promptops.api.feed import (
    HELD_HEADER,
    STALE_SECONDS,
    Goodbye,
    Heartbeat,
    Hello,
    Renewal,
    Revoked,
    Signed,
)
from promptops.api.wire import Unreadable, read
from promptops.cache.advance import EVERYTHING, Understanding
from promptops.cache.bounded import mirrored
from promptops.cache.clock import Clock
from promptops.cache.messages import IndexMessage, decode_index, decode_patch
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.cache.tiers.keeper import Keeper
from promptops.cache.tiers.tier import OnError, Tier, nobody_counts
from promptops.cache.verifier import Verifier
from promptops.feed import frames
from promptops.feed.greeting import Greeted
from promptops.feed.holding import Holding, Rules
from promptops.feed.holdings import Holdings
from promptops.feed.hop import Disconnected, HopAbove
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Reporter

MIN_BACKOFF_SECONDS: Final = 0.1
MAX_BACKOFF_SECONDS: Final = 5.0
_WAIT_FOR_EPOCH: Final = frozenset({reasons.LOWER_POSITION, reasons.FORK})
"""Why an index is refused that comes from a hop behind us: it has been shown what we hold and will rise above it."""

OnTrust = Callable[[Signed], object]
"""Told whom to believe from now on; raises Refused when nobody it believes has signed that."""


class Follower:
    """Keeps what is held at what the hop above publishes, for the scope that the token names or for every scope.

    Of one scope, the first index that a connection brings pins it for the life of the process: from then on an index of
    another scope is refused. A snapshot of another scope is served only until then.
    """

    def __init__(
        self,
        connection: HopAbove,
        verifier: Verifier,
        store: Store | None,
        tiers: Iterable[Tier] = (),
        reporter: Reporter | None = None,
        clock: Clock | None = None,
        *,
        observer: FollowerObserver | None = None,
        understanding: Understanding = EVERYTHING,
        on_tier_error: OnError = nobody_counts,
        on_trust: OnTrust | None = None,
        most_backoff: float = MAX_BACKOFF_SECONDS,
        repeats_source: bool = False,
    ) -> None:
        """`store`: where the one scope is held; None: every scope that comes is, each in a store of its own.

        `most_backoff`: so long the hop above is left alone at most when it cannot be followed.
        `repeats_source`: see Rules.
        """
        self.connected = False
        """Whether a stream is open and has said whom it takes us for."""
        self.problem: str | None = "not connected yet"
        """Why not, in words for a health report."""
        self.keepers = tuple(Keeper(tier, on_tier_error) for tier in tiers)
        self._connection = connection
        self._reporter = reporter
        self._observer = observer or FollowerObserver()
        self._clock = clock or Clock()
        rules = Rules(verifier, self.keepers, self._observer, understanding, reporter, repeats_source)
        self.holdings = Holdings(rules, store)
        self._on_trust = on_trust
        self._backoff = MIN_BACKOFF_SECONDS
        self._most_backoff = most_backoff
        self._is_another = asyncio.Event()

    def restore(self) -> None:
        """Serve what survived, as far as it can be read in a few seconds. Blocks for no longer."""
        self.holdings.restore()

    async def run(self) -> None:
        """Follow until cancelled; serve what survived as soon as it is read."""
        self.holdings.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._adopt())
                if self._reporter is not None:
                    group.create_task(self._reporter.run())
                group.create_task(self._follow())
        finally:
            self.connected = False
            await self._connection.close()

    def call_now(self) -> None:
        """The hop above is another one: what the last one did is no reason to leave it alone."""
        self._is_another.set()

    def close(self) -> None:
        """Let another process have the tiers. Takes a second for each at most, hanging or not."""
        self.holdings.close()

    async def _adopt(self) -> None:
        loading = {mirrored(keeper.loaded) for keeper in self.keepers}
        while loading:
            _, loading = await asyncio.wait(loading, return_when=asyncio.FIRST_COMPLETED)
            self.holdings.adopt()

    async def _follow(self) -> None:
        while True:
            try:
                await self._follow_once()
            except Exception as error:
                # Whatever a hop sends and however wrong we are about it: what is held is served, and it is tried again.
                self._disconnected(reasons.INTERNAL_ERROR, type(error).__name__)
            await self._pause(self._backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the reconnects

    async def _pause(self, seconds: float) -> None:
        """Leave the hop above alone for so long, and for longer the next time, unless it is another one."""
        self._backoff = min(self._backoff * 2, self._most_backoff)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_another.wait()
            self._backoff = MIN_BACKOFF_SECONDS
        self._is_another.clear()

    async def _follow_once(self) -> None:
        """Follow one stream to its end."""
        token = self.holdings.token
        stream = Greeted(self._clock, many=self.holdings.many)
        try:
            async with self._connection.stream({HELD_HEADER: token} if token else {}, stream.asking) as chunks:
                await self._read(chunks, stream)
        except Disconnected as error:
            self._disconnected(error.reason, error.detail)
        except Refused as refusal:
            self._refused(refusal)
            self._disconnected(refusal.reason, refusal.detail)

    async def _read(self, chunks: AsyncIterator[bytes], stream: Greeted) -> None:
        """Handle what comes. Raises Disconnected at the end of it, Refused when going on makes no sense."""
        reader = frames.FrameReader()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STALE_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks)
            except TimeoutError:
                raise Disconnected(reasons.HEARTBEAT_MISSED, f"nothing for {STALE_SECONDS:.0f} seconds") from None
            except StopAsyncIteration:
                raise Disconnected(reasons.UNREACHABLE, "the stream ended") from None
            for frame in reader.read(chunk):
                await self._handle(frame, stream)
                if frame.kind in _SIGNS_OF_LIFE:
                    deadline = loop.time() + STALE_SECONDS

    async def _handle(self, frame: frames.Frame, stream: Greeted) -> None:
        try:
            await self._do(frame, stream)
        except Refused as refusal:
            if refusal.reason not in _WAIT_FOR_EPOCH:
                raise
            self._refused(refusal)
        if frame.kind == frames.HELLO:
            self.connected = True
            self.problem = None
            self._observer.connected()
        elif frame.kind in (frames.INDEX, frames.PATCH):
            self._backoff = MIN_BACKOFF_SECONDS

    async def _do(self, frame: frames.Frame, stream: Greeted) -> None:
        """Do what an event says; events that are not known mean nothing. Raises Refused, Disconnected."""
        fetch = self._connection.blobs
        match frame.kind:
            case frames.HELLO:
                stream.greet(_decoded(frame.data, Hello))
            case frames.INDEX:
                index = decode_index(frame.data)
                holding = self.holdings.of(stream.scope_of(index.signed))
                await self._take_index(holding, index, stream)
            case frames.PATCH:
                patch = decode_patch(frame.data)
                await self.holdings.of(stream.scope_of(patch.signed)).take_patch(patch, fetch)
            case frames.HEARTBEAT:
                heartbeat = _decoded(frame.data, Heartbeat)
                at = stream.moment(heartbeat.at_ms, heartbeat.age_ms)
                await self.holdings.of(stream.admitted(heartbeat.scope)).confirm(heartbeat.position, at, fetch)
            case frames.REVOKED:
                revoked = _decoded(frame.data, Revoked).signed
                await self.holdings.of(stream.scope_of(revoked)).drop(revoked)
            case frames.TRUST if self._on_trust is not None:
                self._renew_trust(_decoded(frame.data, Renewal).signed, self._on_trust)
            case frames.GOODBYE:
                goodbye = _decoded(frame.data, Goodbye)
                if not (goodbye.scope and self.holdings.many):
                    raise Disconnected(reasons.GOODBYE, goodbye.reason[:100])
                self.holdings.leave(goodbye.scope, goodbye.reason[:100])

    async def _take_index(self, holding: Holding, index: IndexMessage, stream: Greeted) -> None:
        try:
            await holding.take_index(index, stream.first_confirmation(), self._connection.blobs)
        except Refused as refusal:
            if refusal.reason in _WAIT_FOR_EPOCH:
                self._observer.ahead(holding.scope)
            raise
        self.holdings.taken(holding.scope)

    def _renew_trust(self, signed: Signed, on_trust: OnTrust) -> None:
        """What nobody we believe has signed is not believed, and everything else goes on."""
        try:
            on_trust(signed)
        except Refused as refusal:
            self._observer.refused(refusal.reason, refusal.detail)

    def _refused(self, refusal: Refused) -> None:
        self._observer.refused(refusal.reason, refusal.detail)
        if self._reporter is not None and refusal.reason != reasons.BASE_NOT_HELD:
            self._reporter.refusing(refusal.reason)

    def _disconnected(self, reason: str, detail: str) -> None:
        self.connected = False
        self.problem = f"{reason}: {detail}" if detail else reason
        if reason == reasons.GOODBYE:
            self._backoff = MIN_BACKOFF_SECONDS
        self._observer.disconnected(reason, detail)


_SIGNS_OF_LIFE: Final = frozenset({frames.INDEX, frames.PATCH, frames.HEARTBEAT})


_Message = TypeVar("_Message", Hello, Heartbeat, Revoked, Goodbye, Renewal)


def _decoded(data: bytes, kind: type[_Message]) -> _Message:
    try:
        return read(data, kind)
    except Unreadable:
        raise Refused(reasons.MALFORMED, f"not a {kind.__name__}") from None
