"""A listener's connections: who may come in, who has been idle for longest, and whose time is up."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Final, Protocol

from promptops.web import limits
from promptops.web.answers import Application, DateHeader, TakenRequest
from promptops.web.handshakes import Handshakes
from promptops.web.limits import Limits
from promptops.web.requests import Head

if TYPE_CHECKING:
    from promptops.web.connection import HttpConnection

_SWEEP_SECONDS: Final = 0.25
_MOST_KNOWN: Final = 256
_LONGEST_KNOWN: Final = 1024
_MOST_REFUSED: Final = 16
"""Connections beyond the limit that are told so; more of them are cut off without a word."""


class ConnectionObserver(Protocol):
    """Counts connections."""

    def connections(self, listener: str, count: int) -> None:
        """So many are open."""

    def connection_ended(self, listener: str, reason: str) -> None:
        """The server ended one before its time."""


class SharedListener:
    """What all connections of one listener share. Belongs to one event loop."""

    def __init__(self, name: str, application: Application, limits: Limits, observer: ConnectionObserver) -> None:
        self.application = application
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.is_closing = False
        self.name = name
        self.handshakes = Handshakes(limits, self.ended)
        self._observer = observer
        self._clock = DateHeader()
        self._connections: set[HttpConnection] = set()
        self._refused: set[HttpConnection] = set()
        self._idle: dict[HttpConnection, None] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._sweep: asyncio.TimerHandle | None = None
        self.known: dict[bytes, tuple[Head, TakenRequest]] = {}
        """Heads as they came, each with how it was taken: callers say the same again and again."""

    def learn(self, data: bytes, head: Head, call: TakenRequest) -> None:
        """Keep a head, and how it was taken, when it may be taken so again."""
        if call.is_repeatable and len(data) <= _LONGEST_KNOWN:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            self.known[data] = head, call

    @property
    def date(self) -> bytes:
        """The line of the Date header."""
        return self._clock.line(time.time())

    def seconds_until_room(self) -> float:
        """Return how long the next connection has to wait until it is accepted."""
        return self.handshakes.seconds_until_room(len(self._connections), self.loop.time())

    def make_room(self) -> None:
        """Have the handshake that has taken longest broken off when there is no place for one more."""
        self.handshakes.make_room(len(self._connections))

    def begin(self, connection: HttpConnection, accepted: socket.socket) -> None:
        """Count a connection that is accepted, and has yet to agree on how to speak."""
        self.handshakes.begin(connection, accepted, self.loop.time())
        self._count()

    def end_handshake(self, connection: HttpConnection, reason: str | None) -> None:
        """Forget a handshake that came to nothing, for a reason that is the server's or for none; one that succeeded is forgotten already."""
        if self.handshakes.end(connection):
            self._count()
            if reason is not None:
                self.ended(reason)

    def enter(self, connection: HttpConnection) -> bool:
        """Take a connection in; return whether it is one too many. Then it is still to be told, or cut off."""
        self.handshakes.end(connection)
        self._empty.clear()
        if self._sweep is None:
            self._sweep = self.loop.call_later(_SWEEP_SECONDS, self._look)
        if len(self._connections) >= self.limits.connections and self._idle:
            next(iter(self._idle)).give_way()
        if len(self._connections) < self.limits.connections:
            self._connections.add(connection)
            self._count()
            return False
        self._refused.add(connection)
        self.ended(limits.TOO_MANY)
        return True

    @property
    def tells_more(self) -> bool:
        """Whether one that is too many can still be told so."""
        return len(self._refused) <= _MOST_REFUSED

    def leave(self, connection: HttpConnection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self._refused.discard(connection)
        self._idle.pop(connection, None)
        self._count()
        if not self._connections and not self._refused:
            self._empty.set()

    def idle(self, connection: HttpConnection) -> None:
        """The connection waits for its next request."""
        self._idle[connection] = None

    def busy(self, connection: HttpConnection) -> None:
        """The connection has something to do."""
        self._idle.pop(connection, None)

    def ended(self, reason: str) -> None:
        """Count a connection that the server ends before its time."""
        self._observer.connection_ended(self.name, reason)

    async def close(self, grace_seconds: float) -> None:
        """Take no request any more; let what was begun finish, and cut off what has not after the grace."""
        self.is_closing = True
        for connection in tuple(self._idle):
            connection.give_way()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._empty.wait()
        except TimeoutError:
            for connection in (*self._connections, *self._refused):
                connection.cut_off()
            await self._empty.wait()
        if self._sweep is not None:
            self._sweep.cancel()

    def _count(self) -> None:
        self._observer.connections(self.name, len(self._connections) + len(self.handshakes))

    def _look(self) -> None:
        now = self.loop.time()
        for connection in (*self._connections, *self._refused):
            connection.check(now)
        has_any = self._connections or self._refused
        self._sweep = self.loop.call_later(_SWEEP_SECONDS, self._look) if has_any else None
