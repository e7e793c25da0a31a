"""The hot call of threads: a conversation driven by waiting, one connection for each caller."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, Final

from promptops.client.connections import Connections, OfThisProcess
from promptops.client.conversation import Conversation, Lookup, Pause, Want, converse, endpoints_of
from promptops.client.exchange import Question, Response
from promptops.client.place import Place

_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)
_LOOK_AGAIN_SECONDS: Final = 0.05


class SyncTransport:
    """Asks in the calling thread. Survives a fork at any moment."""

    def __init__(self, place: Place, most: int, *, patient: bool = True) -> None:
        """`most`: calls at once; `patient`: one that was there and is gone is waited for."""
        self._place = place
        self._patient = patient
        self._turns = OfThisProcess(lambda: Slots(most))
        self._connections = OfThisProcess(lambda: Connections(place, most), Connections.abandon)

    def ask(self, question: Question, seconds: float) -> Response:
        """Return the answer. Raises the builtin TimeoutError, OSError, NoAnswer, NotTheAnswer."""
        deadline = time.monotonic() + seconds
        turns = self._turns.get()
        try:
            turns.begin(deadline)
            return _drive(
                converse(self._connections.get(), self._place, question, deadline if self._patient else 0.0), deadline
            )
        finally:
            turns.end()

    def close(self) -> None:
        """Close every connection: an idle one now, another when its call is over."""
        self._connections.get().close()


class Slots:
    """Lets at most so many threads ask at once.

    A turn is known by its thread, not counted: one that was lost to an exception out of a signal handler, which can
    come between any two instructions, is found again by the thread's next call, or with the end of the thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy: set[int] = set()
        self._waiting: set[int] = set()
        self._ended: SimpleQueue[None] = SimpleQueue()

    def begin(self, deadline: float) -> None:
        """Return when it is this thread's turn. Raises the builtin TimeoutError."""
        me = threading.get_ident()
        self._busy.add(me)
        if len(self._busy) > self._most:
            self._wait(me, deadline)

    def end(self) -> None:
        """Let another thread begin."""
        me = threading.get_ident()
        self._busy.discard(me)
        if self._waiting:
            self._waiting.discard(me)
            self._ended.put(None)

    def _wait(self, me: int, deadline: float) -> None:
        while len(self._busy) > self._most:
            self._busy.discard(me)
            self._waiting.add(me)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                self._ended.get(timeout=min(left, _LOOK_AGAIN_SECONDS))
            except Empty:
                self._busy.intersection_update(thread.ident for thread in threading.enumerate())
            self._busy.add(me)
        self._waiting.discard(me)


def _drive(conversation: Conversation, deadline: float) -> Response:
    try:
        want = next(conversation)
        while True:
            want = conversation.send(_fulfil(want, deadline))
    except StopIteration as end:
        response: Response = end.value
        return response
    finally:
        conversation.close()


def _fulfil(want: Want, deadline: float) -> Any:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if isinstance(want, Lookup):
        return endpoints_of(socket.getaddrinfo(want.host, want.port, type=socket.SOCK_STREAM))
    if isinstance(want, Pause):
        return time.sleep(min(left, want.seconds))
    events = (selectors.EVENT_READ if want.read else 0) | (selectors.EVENT_WRITE if want.write else 0)
    with _Selector() as selector:
        selector.register(want.connection, events)
        if not selector.select(left) and time.monotonic() >= deadline:
            raise TimeoutError
    return None
