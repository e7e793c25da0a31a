"""Accepts TLS connections: a few at a time, as far as there is room for them, each counted before anything is agreed on with it.

The servers of event loops accept whatever comes, and tell us of a TLS connection once its handshake is complete. Whoever never begins one
would be in nobody's count, and take the descriptors of the whole process.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Final

import structlog

from promptops.web import limits
from promptops.web.connection import HttpConnection
from promptops.web.door import SharedListener

BACKLOG: Final = 2048
_AT_ONCE: Final = 8
"""Between so many new ones, those that are in the middle of a handshake have their turn."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_SECONDS: Final = 0.1
_BREAK_OFF_SECONDS: Final = 1.0

_log = structlog.get_logger()


class EncryptedServer:
    """Takes in what connects to one bound socket, and has it agree on TLS."""

    def __init__(self, bound: socket.socket, door: SharedListener, context: ssl.SSLContext) -> None:
        self._bound = bound
        self._door = door
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._is_exhausted = False
        self._is_closed = False

    def start(self) -> None:
        """Accept from now on."""
        self._bound.setblocking(False)
        self._bound.listen(BACKLOG)
        self._door.loop.add_reader(self._bound, self._accept)

    async def close(self) -> None:
        """Accept nothing any more, and break off what is not agreed on. Waits for no caller."""
        if self._is_closed:
            return
        self._is_closed = True
        self._door.loop.remove_reader(self._bound)
        if self._pause is not None:
            self._pause.cancel()
        self._bound.close()
        self._door.handshakes.break_off()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_BREAK_OFF_SECONDS)
            for task in late:
                task.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if seconds := self._door.seconds_until_room():
                self._wait(seconds)
                return
            accepted = self._next()
            if accepted is None:
                return
            self._door.make_room()
            self._begin(accepted)

    def _next(self) -> socket.socket | None:
        try:
            accepted, _ = self._bound.accept()
        except OSError as error:
            # What else comes is of a caller that is gone again: the next one may be there.
            if error.errno in _EXHAUSTED:
                self._exhausted(error)
            return None
        self._is_exhausted = False
        accepted.setblocking(False)
        return accepted

    def _exhausted(self, error: OSError) -> None:
        if not self._is_exhausted:
            _log.warning("no connection can be accepted", listener=self._door.name, error=error.strerror)
        self._is_exhausted = True
        self._door.handshakes.break_off_oldest()
        self._wait(_EXHAUSTED_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._door.loop.remove_reader(self._bound)
        self._pause = self._door.loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        if self._pause is not None and not self._is_closed:
            self._pause.cancel()
            self._pause = None
            self._door.loop.add_reader(self._bound, self._accept)

    def _begin(self, accepted: socket.socket) -> None:
        connection = HttpConnection(self._door)
        self._door.begin(connection, accepted)
        task = self._door.loop.create_task(self._agree(connection, accepted))
        self._tasks.add(task)
        task.add_done_callback(self._agreed)

    async def _agree(self, connection: HttpConnection, accepted: socket.socket) -> None:
        reason = None
        try:
            await self._door.loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._door.limits.handshake_seconds,
            )
        except ssl.SSLError:
            reason = limits.HANDSHAKE_FAILED
        except ConnectionAbortedError:
            reason = limits.HANDSHAKE_TIMEOUT
        except OSError:
            pass  # its caller hung up, or it had to make room
        except Exception:
            _log.exception("connection could not be taken in", listener=self._door.name)
            accepted.close()
        finally:
            self._door.end_handshake(connection, reason)

    def _agreed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._is_exhausted:
            self._go_on()
