"""Every scope in one stream, for a relay: each event says whose it is, and what is sent is what the scope's own followers get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from promptops.api.feed import EVERY_SCOPE, Goodbye, Hello
from promptops.cache.clock import Clock
from promptops.cache.store import Store
from promptops.feed import frames
from promptops.feed.channel import Channel, Subscriber, milliseconds
from promptops.feed.stream import BEHIND_FRAME, CROWDED, REAUTHENTICATE, Streams, send, until_either_ends
from promptops.web.answers import Outlet

CLOSED: Final = "Closed"
"""Why a store ends of whose scope nothing more is said, while everything else goes on."""
_LOOK_SECONDS: Final = 0.2
"""So soon a scope is noticed that came into being."""


Stores = Callable[[str], Store | None]
"""Scope → what is served to it; None while nothing can be said yet."""
Scopes = Callable[[], Iterable[str]]
"""Returns every scope of which anything is served."""


@dataclass
class _Followed:
    channel: Channel
    subscriber: Subscriber


@dataclass
class WideStream:
    """An answer that lasts and brings every scope."""

    streams: Streams
    identity: object
    stores: Stores
    scopes: Scopes
    seconds: float
    """After so long the relay has to show its token again."""
    most: int
    """Streams that its identity may have."""
    clock: Callable[[], float] = field(default_factory=lambda: Clock().now)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _followed: dict[str, _Followed] = field(default_factory=dict)
    _over: str | None = None

    async def write(self, outlet: Outlet) -> None:
        """Write until the end, the reader's or ours. Raises TimeoutError when the reader takes nothing."""
        if not self.streams.has_room(self.identity, self.most):
            await send(outlet, frames.write(frames.GOODBYE, Goodbye(CROWDED)))
            return
        with self.streams.counted(self.identity):
            try:
                await until_either_ends(self._write(outlet), outlet)
            finally:
                for scope in tuple(self._followed):
                    self._leave(scope)

    async def _write(self, outlet: Outlet) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.seconds
        hello = Hello(EVERY_SCOPE, "", "", at_ms=milliseconds(self.clock()))
        await send(outlet, frames.write(frames.HELLO, hello) + self.streams.trust)
        while self._over is None:
            self._wake.clear()
            for scope in [scope for scope in self.scopes() if scope not in self._followed]:
                await send(outlet, self._join(scope))
            for scope in tuple(self._followed):
                await send(outlet, self._news(scope))
            if self.streams.closed:
                self._over = "Stopping"
            elif loop.time() >= deadline:
                self._over = REAUTHENTICATE
            else:
                await self._woken()
        await send(outlet, frames.write(frames.GOODBYE, Goodbye(self._over)))

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    def _join(self, scope: str) -> bytes:
        store = self.stores(scope)
        if store is None or store.current is None or store.current.signed is None or store.ended is not None:
            return b""
        channel = self.streams.channel(scope, store)
        # Both in one step: what changes later is in the subscriber's queue, what changed before in the index.
        self._followed[scope] = _Followed(channel, channel.subscribe(self._wake))
        return channel.index(store.current) + channel.confirmation()

    def _news(self, scope: str) -> bytes:
        followed = self._followed[scope]
        channel, subscriber = followed.channel, followed.subscriber
        news, view = subscriber.take(), channel.store.current
        if subscriber.behind and view is not None:
            subscriber.behind = False
            news = BEHIND_FRAME + channel.index(view)
        if subscriber.last is None:
            return news
        self._leave(scope)
        if subscriber.last.startswith(_GOODBYE):
            if channel.store.ended == CLOSED:
                return news + frames.write(frames.GOODBYE, Goodbye(CLOSED, scope))
            if channel.store.ended is not None:
                self._over = channel.store.ended
            return news
        return news + subscriber.last

    def _leave(self, scope: str) -> None:
        followed = self._followed.pop(scope)
        self.streams.leave(scope, followed.channel, followed.subscriber)


_GOODBYE: Final = f"event: {frames.GOODBYE}\n".encode()
