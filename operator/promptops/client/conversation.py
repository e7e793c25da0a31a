"""One call over a socket: which connection, what is sent, what is read, and what becomes of the connection then.

Written once for both clients, as a generator: it never blocks, says what it waits for, and is driven by a thread or by
an event loop. Whatever ends it early, a cancellation included, closes the connection it is at: what is still to come
over that one belongs to nobody.
"""

from __future__ import annotations

import errno
import os
import random
import socket
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from promptops.client.connections import Connections
from promptops.client.exchange import NoAnswer, NotTheAnswer, Question, Reading, Response
from promptops.client.place import Endpoint, Place

_RECEIVE_BYTES: Final = 65536
_QUEUE_FULL_SECONDS: Final = 0.005
_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Ready:
    """Go on when the socket can be read, or written, or is broken."""

    connection: socket.socket
    read: bool
    write: bool


@dataclass(frozen=True)
class Pause:
    """Go on after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Lookup:
    """Go on with the endpoints that a host's name stands for."""

    host: str
    port: int


Want = Ready | Pause | Lookup
Conversation = Generator[Want, Any, Response]


def converse(connections: Connections, place: Place, question: Question, until: float) -> Conversation:
    """Return the answer. Raises OSError when no connection can be made, NoAnswer, NotTheAnswer.

    A sidecar that has answered comes back when it is gone, as a container is started again: it is asked once more, and
    again, `until` this monotonic second. A render changes nothing. Where nobody ever answered nobody is waited for.
    """
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return (yield from _ask(connections, place, question))
        except (OSError, NoAnswer):
            if not connections.were_answered or time.monotonic() + pause >= until:
                raise
        yield Pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _ask(connections: Connections, place: Place, question: Question) -> Conversation:
    """Ask once; once more where a kept connection ends, or turns out to have been left behind, just as it is used."""
    kept = connections.take()
    if kept is not None:
        with suppress(NoAnswer, NotTheAnswer):
            return (yield from _over(kept, connections, question, first=False))
    connection = yield from _connect(connections, place)
    return (yield from _over(connection, connections, question, first=True))


def endpoints_of(found: list[tuple[Any, ...]]) -> list[Endpoint]:
    """Return what a look-up by `getaddrinfo` found, in its order."""
    return [(family, address) for family, _, _, _, address in found]


def _over(connection: socket.socket, connections: Connections, question: Question, *, first: bool) -> Conversation:
    try:
        response = yield from _exchange(connection, question, first=first)
    except BaseException:
        connection.close()
        raise
    connections.were_answered = True
    if response.reusable:
        connections.keep(connection)
    else:
        connection.close()
    return response


def _exchange(connection: socket.socket, question: Question, *, first: bool) -> Conversation:
    """Send and read at once: a server may refuse a body before it has taken all of it."""
    unsent: memoryview | None = memoryview(question.data)
    reading = Reading(question.id, first)
    while True:
        if unsent:
            unsent = _send(connection, unsent)
        yield Ready(connection, read=True, write=bool(unsent))
        received = _receive(connection)
        if received is None:
            continue
        response = reading.feed(received) if received else reading.end()
        if response is not None:
            return response if unsent is not None and not unsent else replace(response, reusable=False)


def _send(connection: socket.socket, unsent: memoryview) -> memoryview | None:
    """Return what is left; None when nothing more can be sent, while the answer may have come nevertheless."""
    try:
        return unsent[connection.send(unsent) :]
    except BlockingIOError:
        return unsent
    except OSError:
        return None


def _receive(connection: socket.socket) -> bytes | None:
    """Return what came: nothing at the end, None when there is nothing yet. Raises NoAnswer."""
    try:
        return connection.recv(_RECEIVE_BYTES)
    except BlockingIOError:
        return None
    except OSError as error:
        raise NoAnswer(error.strerror or "the connection broke") from None


def _connect(connections: Connections, place: Place) -> Generator[Want, Any, socket.socket]:
    known = place.endpoint
    endpoints = (yield Lookup(*place.address)) if known is None else [known]
    failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for family, address in endpoints:
        try:
            return (yield from _connect_to(connections, family, address))
        except OSError as error:
            failure = error
    raise failure


def _connect_to(
    connections: Connections, family: socket.AddressFamily, address: Any
) -> Generator[Want, Any, socket.socket]:
    connection = connections.new(family)
    try:
        while (failed := connection.connect_ex(address)) == errno.EAGAIN:
            # The queue of a Unix socket is full, and nothing tells when it is not.
            yield Pause(_QUEUE_FULL_SECONDS)
        if failed == errno.EINPROGRESS:
            yield Ready(connection, read=False, write=True)
            failed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            # OSError becomes the kind of itself that the number stands for.
            raise OSError(failed, os.strerror(failed))
    except BaseException:
        connection.close()
        raise
    return connection
