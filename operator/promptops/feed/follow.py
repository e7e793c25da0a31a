"""Follows the feed of the hop above, for as long as it takes. An error never takes anything away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Final, TypeVar

from promptops.api import reasons
from promptops.api.feed import HELD_HEADER, PROTOCOL, STALE_SECONDS, Goodbye, Heartbeat, Hello, Revoked
from promptops.api.wire import Unreadable, read
from promptops.cache.advance import EVERYTHING, Understanding
from promptops.cache.clock import Clock
from promptops.cache.messages import decode_index, decode_patch
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.cache.tiers.disk import Snapshot
from promptops.cache.verifier import Verifier
from promptops.feed import frames
from promptops.feed.connection import Disconnected, Token, Upstream
from promptops.feed.holding import Holding
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Reporter

MIN_BACKOFF_SECONDS: Final = 0.1
MAX_BACKOFF_SECONDS: Final = 5.0
_WAIT_FOR_EPOCH: Final = frozenset({reasons.LOWER_POSITION, reasons.FORK})
"""Why an index is refused that comes from a hop behind us: it has been shown what we hold and will rise above it."""


class Follower:
    """Keeps a store at what the hop above publishes for the scope that the token names.

    The first index that a connection brings pins the scope for the life of the process: from then on an index of
    another scope is refused. A snapshot of another scope is served only until then.
    """

    def __init__(
        self,
        url: str,
        token: Token,
        verifier: Verifier,
        store: Store,
        snapshot: Snapshot | None = None,
        reporter: Reporter | None = None,
        clock: Clock | None = None,
        *,
        observer: FollowerObserver | None = None,
        understanding: Understanding = EVERYTHING,
    ) -> None:
        self.connected = False
        """Whether a stream is open and has said whom it takes us for."""
        self.problem: str | None = "not connected yet"
        """Why not, in words for a health report."""
        self._url = url
        self._token = token
        self._reporter = reporter
        self._observer = observer or FollowerObserver()
        self._clock = clock or Clock()
        self._holding = Holding(store, verifier, snapshot, reporter, self._observer, understanding)
        self._restored = False
        self._backoff = MIN_BACKOFF_SECONDS

    def restore(self) -> None:
        """Serve what the snapshot holds. Blocks; run() begins with it unless it was done before."""
        self._restored = True
        self._holding.restore()

    async def run(self) -> None:
        """Follow until cancelled."""
        if not self._restored:
            await asyncio.to_thread(self.restore)
        async with asyncio.TaskGroup() as group:
            if self._reporter is not None:
                group.create_task(self._reporter.run())
            group.create_task(self._follow())

    async def _follow(self) -> None:
        connection = Upstream(self._url, self._token)
        try:
            while True:
                await self._follow_once(connection)
                await asyncio.sleep(self._backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the reconnects
                self._backoff = min(self._backoff * 2, MAX_BACKOFF_SECONDS)
        finally:
            self.connected = False
            await connection.close()

    async def _follow_once(self, connection: Upstream) -> None:
        """Follow one stream to its end."""
        held = self._holding.token()
        session = _Session(self._holding, connection, self._clock)
        try:
            async with connection.stream({HELD_HEADER: held} if held else {}) as chunks:
                await self._read(chunks, session)
        except Disconnected as error:
            self._disconnected(error.reason, error.detail)
        except Refused as refusal:
            self._refused(refusal)
            self._disconnected(refusal.reason, refusal.detail)

    async def _read(self, chunks: AsyncIterator[bytes], session: _Session) -> None:
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
                await self._handle(frame, session)
                if frame.kind in _SIGNS_OF_LIFE:
                    deadline = loop.time() + STALE_SECONDS

    async def _handle(self, frame: frames.Frame, session: _Session) -> None:
        try:
            await session.handle(frame)
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


class _Session:
    """The meaning of one stream's events."""

    def __init__(self, holding: Holding, connection: Upstream, clock: Clock) -> None:
        self._holding = holding
        self._connection = connection
        self._clock = clock
        self._scope: str | None = None
        self._asked_at = clock.now()
        self._theirs_to_ours = 0.0
        """What turns a moment of the other side's clock into one of ours, never a later one than it was."""
        self._confirmed_at: float | None = None
        """When the origin confirmed what the stream begins with."""

    async def handle(self, frame: frames.Frame) -> None:
        """Do what the event says; events that are not known mean nothing. Raises Refused, Disconnected."""
        if frame.kind == frames.HELLO:
            self._hello(_decoded(frame.data, Hello))
            return
        match frame.kind:
            case frames.INDEX:
                scope = self._greeted()
                message = decode_index(frame.data)
                await self._holding.take_index(message, scope, self._confirmed_at, self._connection.blobs)
                self._confirmed_at = None
            case frames.PATCH:
                await self._holding.take_patch(decode_patch(frame.data), self._greeted(), self._connection.blobs)
            case frames.HEARTBEAT:
                self._greeted()
                heartbeat = _decoded(frame.data, Heartbeat)
                at = self._moment(heartbeat.at_ms, heartbeat.age_ms)
                await self._holding.confirm(heartbeat.position, at, self._connection.blobs)
            case frames.REVOKED:
                await self._holding.drop(_decoded(frame.data, Revoked).signed, self._greeted())
            case frames.GOODBYE:
                raise Disconnected(reasons.GOODBYE, _decoded(frame.data, Goodbye).reason[:100])

    def _hello(self, hello: Hello) -> None:
        if PROTOCOL not in hello.protocols:
            raise Refused(reasons.UNKNOWN_PROTOCOL, f"protocols {hello.protocols[:8]}, this is {PROTOCOL}")
        self._scope = hello.scope
        # It was said after we asked: of all moments that it can have been said at, the earliest one counts.
        self._theirs_to_ours = self._asked_at - hello.at_ms / 1000
        if hello.age_ms is not None:
            self._confirmed_at = self._moment(hello.at_ms, hello.age_ms)

    def _moment(self, at_ms: int, age_ms: int) -> float:
        """Return when something was confirmed that was `age_ms` old at `at_ms` of the other side's clock."""
        said_at = min(self._theirs_to_ours + at_ms / 1000, self._clock.now())
        return said_at - age_ms / 1000

    def _greeted(self) -> str:
        if self._scope is None:
            raise Refused(reasons.MALFORMED, "no hello at the beginning")
        return self._scope


_Message = TypeVar("_Message", Hello, Heartbeat, Revoked, Goodbye)


def _decoded(data: bytes, kind: type[_Message]) -> _Message:
    try:
        return read(data, kind)
    except Unreadable:
        raise Refused(reasons.MALFORMED, f"not a {kind.__name__}") from None
