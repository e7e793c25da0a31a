"""HTTP servers in an event loop that somebody else runs: started on a bound socket, ended in time, signals left alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvicorn

from promptops.web.protocol import Protocol

GRACE_SECONDS: Final = 10
"""So long what was begun may take to finish when a server ends."""
_BACKLOG: Final = 2048
_KEEP_ALIVE_SECONDS: Final = 60


@dataclass(frozen=True)
class Listener:
    """A bound socket and the ASGI application behind it."""

    socket: socket.socket
    app: Any


class Server(uvicorn.Server):
    """One listener's server."""

    def __init__(self, listener: Listener, grace_seconds: int = GRACE_SECONDS) -> None:
        super().__init__(
            uvicorn.Config(
                listener.app,
                http=Protocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self._bound = listener.socket
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield

    def start(self) -> asyncio.Task[None]:
        """Serve in the background; return the task that ends with the server."""
        self._task = asyncio.create_task(self.serve(sockets=[self._bound]))
        return self._task

    async def stop(self) -> None:
        """Finish what was begun and close."""
        self.should_exit = True
        if self._task is None:
            self._bound.close()
        else:
            await self._task


async def serve(listeners: Sequence[Listener], stop: asyncio.Event) -> None:
    """Serve until `stop`, then finish what was begun. Returns when every connection is closed."""
    servers = [Server(listener) for listener in listeners]
    tasks = [server.start() for server in servers]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)
