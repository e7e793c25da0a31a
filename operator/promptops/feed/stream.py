"""One follower's stream: hello, the index, then every change; ends when it cannot be written or must authenticate anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from promptops.api.feed import Goodbye, Header, Hello, Renewal, Signed
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.feed import frames
from promptops.feed.channel import Channel, Subscriber
from promptops.web.answers import Outlet

SEND_SECONDS = 20.0
"""A piece that cannot be handed to the network for so long: the reader is gone or hopeless."""
PIECE_BYTES = 256 * 1024
REAUTHENTICATE = "Reauthenticate"
CROWDED = "Crowded"
"""Why a stream ends at once: others of the same identity have begun since it was asked for."""
BEHIND_FRAME = b"event: behind\ndata: {}\n\n"


@dataclass
class Streams:
    """Every open stream of a server."""

    channels: dict[str, Channel] = field(default_factory=dict)
    open: Counter[object] = field(default_factory=Counter)
    """How many each identity has."""
    closed: bool = False
    """Whether no stream is opened any more."""
    trust: bytes = b""
    """The frame that says whom to believe; empty while nobody has said it."""

    @property
    def subscribers(self) -> int:
        """How many streams are open."""
        return self.open.total()

    def has_room(self, identity: object, most: int) -> bool:
        """Tell whether an identity may have another one."""
        return self.open[identity] < most

    def close(self, reason: str) -> None:
        """Open no stream any more and end every open one. Call this before the server stops: it waits for its streams."""
        self.closed = True
        self.goodbye(reason)

    def goodbye(self, reason: str) -> None:
        """End every stream with a goodbye; the followers come back."""
        for channel in tuple(self.channels.values()):
            channel.goodbye(reason)

    def announce(self, signed: Signed) -> None:
        """Say whom to believe from now on, to everyone who follows and to whoever will."""
        frame = frames.write(frames.TRUST, Renewal(signed))
        if frame != self.trust:
            self.trust = frame
            for channel in tuple(self.channels.values()):
                channel.push(frame)

    def channel(self, scope: str, store: Store) -> Channel:
        """Return the channel of the scope; another store than before (a new term) gets a new one."""
        channel = self.channels.get(scope)
        if channel is None or channel.store is not store:
            channel = self.channels[scope] = Channel(store)
        return channel

    @contextmanager
    def counted(self, identity: object) -> Iterator[None]:
        """An identity has one stream more, for as long as this lasts."""
        self.open[identity] += 1
        try:
            yield
        finally:
            self.open[identity] -= 1
            if not self.open[identity]:
                del self.open[identity]

    def leave(self, scope: str, channel: Channel, subscriber: Subscriber) -> None:
        """Forget the subscriber, and the channel with its last one."""
        channel.unsubscribe(subscriber)
        if not channel.subscribers:
            channel.close()
            if self.channels.get(scope) is channel:
                del self.channels[scope]


@dataclass
class Stream:
    """An answer that lasts. The outlet waits for a slow reader, so nothing piles up."""

    streams: Streams
    identity: object
    store: Store
    hello: Hello
    held: Header | None
    """What the follower has proved that it holds."""
    seconds: float
    """After so long the follower has to show its token again."""
    most: int
    """Streams that its identity may have."""

    async def write(self, outlet: Outlet) -> None:
        """Write until the end, the reader's or ours. Raises TimeoutError when the reader takes nothing."""
        if not self.streams.has_room(self.identity, self.most):
            await send(outlet, frames.write(frames.GOODBYE, Goodbye(CROWDED)))
            return
        channel = self.streams.channel(self.hello.scope, self.store)
        # Both in one step: what changes later is in the subscriber's queue, what changed before in the index.
        subscriber = channel.subscribe()
        first = channel.hello(self.hello) + self.streams.trust + self._first_index(channel)
        if self.streams.closed or self.store.ended is not None or self.store.current is None:
            # It ended between the request and now: nobody would tell this subscriber any more.
            subscriber.end(frames.write(frames.GOODBYE, Goodbye(self.store.ended or "Closed")))
        with self.streams.counted(self.identity):
            try:
                await until_either_ends(self._write(first, channel, subscriber, outlet), outlet)
            finally:
                self.streams.leave(self.hello.scope, channel, subscriber)

    async def _write(self, first: bytes, channel: Channel, subscriber: Subscriber, outlet: Outlet) -> None:
        await send(outlet, first)
        deadline = asyncio.get_running_loop().time() + self.seconds
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    await subscriber.wait()
            except TimeoutError:
                subscriber.end(frames.write(frames.GOODBYE, Goodbye(REAUTHENTICATE)))
            last = subscriber.last
            chunk = self._caught_up(channel, subscriber) if subscriber.behind else subscriber.take()
            await send(outlet, chunk + (last or b""))
            if last is not None:
                return

    def _first_index(self, channel: Channel) -> bytes:
        view = self.store.current
        if view is None:
            return b""
        if self.held is None or not (is_ahead(self.held, view) or self.held.entries == view.header.entries):
            return channel.index(view)
        return channel.header(view)

    def _caught_up(self, channel: Channel, subscriber: Subscriber) -> bytes:
        subscriber.take()
        subscriber.behind = False
        view = self.store.current
        return BEHIND_FRAME + channel.index(view) if view is not None else b""


def is_ahead(held: Header, view: View) -> bool:
    """Whether the follower holds something above what is served here, or a fork of it: it will take none of our entries."""
    return held.position > view.position or (held.position == view.position and held != view.header)


async def until_either_ends(write: Coroutine[object, object, None], outlet: Outlet) -> None:
    """Write until that ends, or the reader has gone. Raises what writing raises."""
    writing = asyncio.ensure_future(write)
    leaving = asyncio.ensure_future(outlet.gone.wait())
    try:
        await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writing, leaving):
            task.cancel()
        await asyncio.gather(writing, leaving, return_exceptions=True)
    if not writing.cancelled():
        writing.result()


async def send(outlet: Outlet, data: bytes) -> None:
    """Hand the bytes to the network in pieces. Raises TimeoutError when the reader takes none, ConnectionError when it is gone."""
    for start in range(0, len(data), PIECE_BYTES):
        async with asyncio.timeout(SEND_SECONDS):
            await outlet.send(data[start : start + PIECE_BYTES])
