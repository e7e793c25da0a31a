"""An application of ours behind its real server, on a loopback port of the test's own."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from promptops.web.answers import Application
from promptops.web.limits import Limits
from promptops.web.server import Listener, Server


@dataclass
class Counted:
    """What became of a listener's connections."""

    open: int = 0
    ended: Counter[str] = field(default_factory=Counter)

    def connections(self, listener: str, count: int) -> None:
        self.open = count

    def connection_ended(self, listener: str, reason: str) -> None:
        self.ended[reason] += 1


@dataclass
class Served:
    """A running server."""

    port: int
    counted: Counted
    server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(application: Application, limits: Limits | None = None, grace: float = 2.0) -> AsyncIterator[Served]:
    """Serve an application."""
    counted = Counted()
    bound = loopback()
    server = Server(Listener("test", bound, application, limits or Limits()), counted, grace)
    port = bound.getsockname()[1]
    await server.start()
    try:
        yield Served(port, counted, server)
    finally:
        await server.stop()


def loopback(port: int = 0) -> socket.socket:
    """Return a socket bound to a port of this machine."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
