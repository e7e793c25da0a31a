"""The operator's two listeners: bound before anything else happens, closed in time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

_BACKLOG = 2048
_GRACE_SECONDS = 2


class ListenError(Exception):
    """An address cannot be listened on; the message says which and why."""


class Server(uvicorn.Server):
    """An HTTP server in an event loop that somebody else runs; it leaves the signals alone."""

    def __init__(self, app: Any, address: str) -> None:
        """Bind host:port. Raises ListenError."""
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._bound = _bind(address)
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield

    def start(self) -> None:
        """Serve in the background."""
        self._task = asyncio.create_task(self.serve(sockets=[self._bound]))

    async def stop(self) -> None:
        """Finish what was begun and close."""
        self.should_exit = True
        if self._task is None:
            self._bound.close()
        else:
            await self._task


def _bind(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, int(port)))
    except OSError as error:
        bound.close()
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from None
    return bound
