"""Connections between calls. None that another process made, or that has ended meanwhile, is handed out."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar
from weakref import WeakSet

from promptops.client.place import Place

Value = TypeVar("Value")


class OfThisProcess(Generic[Value]):
    """A value that a forked child makes for itself. What the parent's threads held when it forked never matters there."""

    def __init__(self, make: Callable[[], Value], drop: Callable[[Value], object] = lambda _: None) -> None:
        self._make = make
        self._drop = drop
        self._values: dict[int, Value] = {}

    def get(self) -> Value:
        """Return the value of this process; the first call in a child drops what the child inherited."""
        process = os.getpid()
        value = self._values.get(process)
        return self._begin(process) if value is None else value

    def _begin(self, process: int) -> Value:
        value = self._values.setdefault(process, self._make())
        for other in self._values.keys() - {process}:
            with suppress(KeyError):
                self._drop(self._values.pop(other))
        return value


class Connections:
    """Open sockets to one place, made for one call after another. Safe for threads; bound to no event loop.

    The sockets never block: who waits for one does so in their own way.
    """

    def __init__(self, place: Place, most: int) -> None:
        self._place = place
        self._most = most
        self._idle: deque[socket.socket] = deque()
        self._all: WeakSet[socket.socket] = WeakSet()
        self._closed = False
        self.were_answered = False
        """Whether somebody has answered there, so that it is the place."""

    def take(self) -> socket.socket | None:
        """Return a connection that is still open and has nothing to say; None when a new one has to be made."""
        while self._idle:
            with suppress(IndexError):
                connection = self._idle.pop()
                if _is_quiet(connection):
                    return connection
                connection.close()
        return None

    def new(self, family: socket.AddressFamily) -> socket.socket:
        """Return a socket that is not connected yet. Raises OSError."""
        connection = socket.socket(family, socket.SOCK_STREAM)
        self._all.add(connection)
        connection.setblocking(False)
        if family != getattr(socket, "AF_UNIX", None):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def keep(self, connection: socket.socket) -> None:
        """Take back a connection over which everything was said."""
        if self._closed or len(self._idle) >= self._most:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle now, and whatever else once its call is over."""
        self._closed = True
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def abandon(self) -> None:
        """Close this process' handles. The connections stay with the process that made them."""
        for connection in list(self._all):
            connection.close()
        self._idle.clear()


def _is_quiet(connection: socket.socket) -> bool:
    """Whether nothing has come, and the other side has not hung up, since the last answer was read."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
