"""The hot call of asyncio: a conversation driven by an event loop, whichever it is at the moment."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

from promptops.client.connections import Connections, OfThisProcess
from promptops.client.conversation import Conversation, Lookup, Pause, Ready, Want, converse, endpoints_of
from promptops.client.exchange import Question, Response
from promptops.client.place import Place


class AsyncTransport:
    """Asks from any event loop, also from several in turn or in several threads.

    An idle connection is registered with no loop, so it outlives one and serves the next.
    """

    def __init__(self, place: Place, most: int, *, patient: bool = True) -> None:
        """`most`: calls at once; `patient`: one that was there and is gone is waited for."""
        self._place = place
        self._patient = patient
        self._most = most
        self._slots: OfThisProcess[dict[asyncio.AbstractEventLoop, asyncio.Semaphore]] = OfThisProcess(dict)
        self._connections = OfThisProcess(lambda: Connections(place, most), Connections.abandon)

    async def ask(self, question: Question, seconds: float) -> Response:
        """Return the answer. Raises the builtin TimeoutError, OSError, NoAnswer, NotTheAnswer."""
        loop = asyncio.get_running_loop()
        until = time.monotonic() + seconds
        async with asyncio.timeout(seconds), self._slots_of(loop):
            return await _drive(
                converse(self._connections.get(), self._place, question, until if self._patient else 0.0), loop
            )

    def close(self) -> None:
        """Close every connection: an idle one now, another when its call is over."""
        self._connections.get().close()

    def _slots_of(self, loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
        by_loop = self._slots.get()
        found = by_loop.get(loop)
        if found is None:
            for ended in [other for other in list(by_loop) if other.is_closed()]:
                by_loop.pop(ended, None)
            found = by_loop.setdefault(loop, asyncio.Semaphore(self._most))
        return found


async def _drive(conversation: Conversation, loop: asyncio.AbstractEventLoop) -> Response:
    try:
        want = next(conversation)
        while True:
            want = conversation.send(await _fulfil(want, loop))
    except StopIteration as end:
        response: Response = end.value
        return response
    finally:
        conversation.close()


async def _fulfil(want: Want, loop: asyncio.AbstractEventLoop) -> Any:
    if isinstance(want, Pause):
        return await asyncio.sleep(want.seconds)
    if isinstance(want, Lookup):
        return endpoints_of(await loop.getaddrinfo(want.host, want.port, type=socket.SOCK_STREAM))
    return await _ready(want, loop)


async def _ready(want: Ready, loop: asyncio.AbstractEventLoop) -> None:
    """Wait without a transport: nothing of the socket is left in the loop when this ends, however it ends."""
    ready = loop.create_future()
    descriptor = want.connection.fileno()
    try:
        if want.read:
            loop.add_reader(descriptor, _note, ready)
        if want.write:
            loop.add_writer(descriptor, _note, ready)
        await ready
    finally:
        if want.read:
            loop.remove_reader(descriptor)
        if want.write:
            loop.remove_writer(descriptor)


def _note(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
