"""HTTP servers in an event loop that somebody else runs: started on a bound socket, ended in time, signals left alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from promptops.web.answers import Application
from promptops.web.connection import HttpConnection
from promptops.web.door import ConnectionObserver, SharedListener
from promptops.web.encrypted import BACKLOG, EncryptedServer
from promptops.web.encryption import Encryption
from promptops.web.limits import Limits

GRACE_SECONDS: Final = 10
"""So long what was begun may take to finish when a server ends."""


@dataclass(frozen=True)
class Listener:
    """A bound socket, and the application behind it under the name that its metrics have."""

    name: str
    socket: socket.socket
    application: Application
    limits: Limits = field(default_factory=Limits)
    encryption: Encryption | None = None
    """None: in clear text, for what never leaves this machine or is no secret."""


class Server:
    """One listener's server."""

    def __init__(self, listener: Listener, observer: ConnectionObserver, grace_seconds: float = GRACE_SECONDS) -> None:
        self._listener = listener
        self._observer = observer
        self._grace_seconds = grace_seconds
        self._door: SharedListener | None = None
        self._server: asyncio.Server | None = None
        self._encrypted: EncryptedServer | None = None

    @property
    def known_heads(self) -> int:
        """How many heads are kept with how they were taken."""
        return len(self._door.known) if self._door is not None else 0

    async def start(self) -> None:
        """Serve from now on."""
        loop, bound = asyncio.get_running_loop(), self._listener.socket
        door = self._door = SharedListener(
            self._listener.name, self._listener.application, self._listener.limits, self._observer
        )
        if self._listener.encryption is not None:
            self._encrypted = EncryptedServer(bound, door, self._listener.encryption.context)
            self._encrypted.start()
            return
        make = loop.create_unix_server if bound.family == socket.AF_UNIX else loop.create_server
        self._server = await make(lambda: HttpConnection(door), sock=bound, backlog=BACKLOG)

    async def stop(self) -> None:
        """Take nothing new, finish what was begun, and close."""
        if self._server is not None:
            self._server.close()
        if self._encrypted is not None:
            await self._encrypted.close()
        self._listener.socket.close()
        if self._door is not None:
            await self._door.close(self._grace_seconds)


@contextlib.contextmanager
def _closing(listeners: Sequence[Listener]) -> Iterator[None]:
    try:
        yield
    finally:
        for listener in listeners:
            listener.socket.close()


async def serve(listeners: Sequence[Listener], observer: ConnectionObserver, stop: asyncio.Event) -> None:
    """Serve until `stop`, then finish what was begun. Returns when every connection is closed."""
    servers = [Server(listener, observer) for listener in listeners]
    with _closing(listeners):
        for server in servers:
            await server.start()
        try:
            await stop.wait()
        finally:
            await asyncio.gather(*(server.stop() for server in servers))
