"""One HTTP/1.1 connection: a request at a time, each step with its deadline, every refusal heard by its caller.

```
HEAD → OPENING → BODY → ANSWERING → HEAD …
   ╰──────┴────────┴──────────┴──► ENDING: see `ending`
```
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from enum import Enum, auto
from typing import Final, cast

import structlog

from promptops.api import reasons
from promptops.web import limits, problems
from promptops.web.answers import (
    CONTINUE,
    Answer,
    Headers,
    Lasting,
    TakenRequest,
    answer_of_error,
    head_of,
    problem_answer,
)
from promptops.web.door import SharedListener
from promptops.web.ending import Ending
from promptops.web.incoming import BodyRefused, IncomingBody, malformed
from promptops.web.problems import problem
from promptops.web.requests import TOO_EARLY, Head, HeadSearch, Malformed, Unexpected, read_head

MAX_AHEAD_BYTES: Final = 64 * 1024
"""So much of what follows the request at hand is kept; then nothing is read until that one is answered."""
_HIGH_WATER_BYTES: Final = 256 * 1024

_log = structlog.get_logger()


class _State(Enum):
    HEAD = auto()
    OPENING = auto()
    BODY = auto()
    ANSWERING = auto()
    ENDING = auto()


class HttpConnection(asyncio.Protocol):
    """Reads requests, has the application answer them, and writes the answers."""

    def __init__(self, door: SharedListener) -> None:
        self._door = door
        self._limits = door.limits
        self._transport: asyncio.Transport
        self._ending: Ending
        self._state = _State.HEAD
        self._buffer = bytearray()
        self._search = HeadSearch()
        self._head: Head | None = None
        self._call: TakenRequest | None = None
        self._body: IncomingBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_first = True
        self._is_idle = False
        self._is_reading = True
        self._is_half_closed = False
        self._deadline = math.inf
        self._written = asyncio.Event()
        self._written.set()
        self.gone = asyncio.Event()

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or say at once that there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self._ending = Ending(self._door, self._transport)
        # TLS as asyncio speaks it ends in both directions at once.
        self._is_encrypted = transport.get_extra_info("sslcontext") is not None
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self._deadline = self._now + self._limits.head_seconds
        if self._door.enter(self):
            if self._door.tells_more:
                self._refuse(503, problems.TOO_MANY_CONNECTIONS, "too many connections; retry", (("retry-after", "1"),))
            else:
                self.cut_off()

    def data_received(self, data: bytes) -> None:
        """Go on with what came."""
        if self._state is _State.ENDING:
            self._ending.drop(len(data))
            return
        self._buffer += data
        if self._state in (_State.HEAD, _State.BODY) and self._written.is_set():
            self._advance()
        elif len(self._buffer) > MAX_AHEAD_BYTES and self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The caller sends no more; it may still read. Return whether the connection stays open for that."""
        self._is_half_closed = True
        if self._state in (_State.OPENING, _State.ANSWERING):
            self.gone.set()
            return not self._is_encrypted
        if self._state is _State.BODY:
            self._refuse(400, reasons.INVALID_REQUEST, TOO_EARLY)
        elif self._state is _State.HEAD and self._buffer:
            self._door.loop.call_soon(self._advance)
            return not self._is_encrypted
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._state = _State.ENDING
        self.gone.set()
        self._written.set()
        if self._task is not None:
            self._task.cancel()
        self._door.leave(self)

    def pause_writing(self) -> None:
        """The reader is slow: wait for it."""
        self._written.clear()

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self._written.set()
        if self._state is _State.HEAD:
            self._deadline = self._now + self._limits.head_seconds
            self._resume_reading()
            self._door.loop.call_soon(self._advance)

    # The door's calls

    def check(self, now: float) -> None:
        """End what takes too long."""
        self._ending.check(now)
        if self._ending.has_begun or now < self._deadline:
            return
        if self._state is _State.HEAD and self._written.is_set():
            # Else what was answered is not taken yet, and what comes next is not read before.
            self._head_timed_out()
        elif self._state is _State.BODY:
            self._door.ended(limits.BODY_TIMEOUT)
            self._refuse(408, problems.REQUEST_TIMEOUT, "the body did not arrive in time")

    def give_way(self) -> None:
        """Close between two requests."""
        self._door.leave(self)
        is_taken = not self._transport.get_write_buffer_size()
        if is_taken:
            self._close()
        if self._is_encrypted or not is_taken:
            # TLS would wait for the other side to say goodbye too, and nobody counts this connection any more.
            self.cut_off()

    def cut_off(self) -> None:
        """End at once, whatever is under way."""
        self._state = _State.ENDING
        self._ending.cut_off()

    # The application's outlet

    async def send(self, data: bytes) -> None:
        """Write a piece of an answer that lasts. Raises ConnectionError when its reader is gone."""
        await self._written.wait()
        if self.gone.is_set():
            raise ConnectionError
        if data:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._written.wait()

    # One request

    @property
    def _now(self) -> float:
        return self._door.loop.time()

    def _advance(self) -> None:
        if not self._written.is_set():
            return  # what was answered comes first
        if self._state is _State.HEAD and self._buffer:
            self._read_head()
        elif self._state is _State.BODY:
            self._read_body()

    def _read_head(self) -> None:
        try:
            data = self._search.take(self._buffer, is_all=self._is_half_closed)
            if self._is_idle:
                self._is_idle = False
                self._door.busy(self)
                if data is None:
                    self._deadline = self._now + self._limits.head_seconds
            if data is not None:
                self._open(data)
        except Malformed as error:
            self._door.ended(limits.MALFORMED)
            self._refuse_with(malformed(error))
        except Unexpected:
            self._refuse(417, reasons.INVALID_REQUEST, "only 100-continue can be expected here")

    def _open(self, data: bytes) -> None:
        """Raises Malformed and Unexpected."""
        self._deadline, self._is_first = math.inf, False
        if known := self._door.known.get(data):
            self._head, call = known
            self._opened(call)
            return
        head = self._head = read_head(data)
        self._state = _State.OPENING
        try:
            called = self._door.application(head)
        except Exception as error:
            self._opened(self._refusing(error))
            return
        if isinstance(called, TakenRequest):
            self._door.learn(data, head, called)
            self._opened(called)
        else:
            self._task = self._door.loop.create_task(self._open_later(called))

    async def _open_later(self, called: Awaitable[TakenRequest]) -> None:
        try:
            call = await called
        except Exception as error:
            call = self._refusing(error)
        if self._state is _State.OPENING:
            self._opened(call)

    def _refusing(self, error: Exception) -> TakenRequest:
        """A small body is read before the refusal is sent; nobody waits for a larger one, or is asked to send it."""
        answer = self._answer_of(error)
        return TakenRequest(lambda _: answer, refusal=answer)

    def _opened(self, call: TakenRequest) -> None:
        head = self._head
        assert head is not None  # noqa: S101
        self._call = call
        if not head.has_body:
            self._complete(b"")
            return
        try:
            self._body = IncomingBody(head, call, self._limits)
        except BodyRefused as refused:
            self._refuse_with(refused.answer)
            return
        self._state = _State.BODY
        self._resume_reading()
        if head.expects_continue and not self._buffer:
            self._transport.write(CONTINUE)
        self._read_body()

    def _read_body(self) -> None:
        assert self._body is not None  # noqa: S101
        try:
            body = self._body.take(self._buffer)
        except BodyRefused as refused:
            if refused.ended_by:
                self._door.ended(refused.ended_by)
            self._refuse_with(refused.answer)
            return
        if body is not None:
            self._complete(body)
        elif self._is_half_closed:
            self._refuse(400, reasons.INVALID_REQUEST, TOO_EARLY)
        else:
            self._deadline = self._body.deadline(self._now)

    def _complete(self, body: bytes) -> None:
        assert self._call is not None  # noqa: S101
        self._state, self._body = _State.ANSWERING, None
        self._deadline = math.inf
        try:
            answer = self._call.answer(body)
        except Exception as error:
            answer = self._answer_of(error)
        if isinstance(answer, Answer):
            self._send(answer)
        else:
            self._task = self._door.loop.create_task(self._answer_later(answer))

    async def _answer_later(self, coming: Lasting | Awaitable[Answer | Lasting]) -> None:
        try:
            answer = coming if isinstance(coming, Lasting) else await coming
        except Exception as error:
            answer = self._answer_of(error)
        if self._state is not _State.ANSWERING:
            return
        if isinstance(answer, Answer):
            self._send(answer)
        else:
            await self._send_lasting(answer)

    async def _send_lasting(self, answer: Lasting) -> None:
        assert self._head is not None  # noqa: S101
        self._transport.write(head_of(answer, self._head, self._door.date, keeps_alive=self._keeps_alive))
        if self._head.method == "HEAD":
            self._close()
            return
        try:
            await answer.write(self)
        except ConnectionError:
            self._close()
            return
        except TimeoutError:
            self._door.ended(limits.WRITE_TIMEOUT)
            self.cut_off()
            return
        except Exception:
            _log.exception("answer broke off", method=self._head.method)
            self.cut_off()
            return
        self._transport.write(b"0\r\n\r\n")
        self._answered()

    def _send(self, answer: Answer) -> None:
        assert self._head is not None  # noqa: S101
        head = head_of(answer, self._head, self._door.date, keeps_alive=self._keeps_alive)
        self._transport.write(head if self._head.method == "HEAD" else head + answer.body)
        self._answered()

    @property
    def _keeps_alive(self) -> bool:
        head = self._head
        goes_on = self._buffer or not self._is_half_closed
        return head is not None and head.keeps_alive and not self._door.is_closing and bool(goes_on)

    def _answered(self) -> None:
        if not self._keeps_alive:
            self._linger()
            return
        self._state, self._head, self._call, self._task = _State.HEAD, None, None, None
        self._resume_reading()
        if self._buffer:
            self._deadline = self._now + self._limits.head_seconds
            # Not at once: whoever sends a thousand requests in a row takes turns with the others.
            self._door.loop.call_soon(self._advance)
        else:
            self._deadline = self._now + self._limits.idle_seconds
            self._is_idle = True
            self._door.idle(self)

    # Ends

    def _answer_of(self, error: Exception) -> Answer:
        return answer_of_error(error, self._head.method if self._head else "")

    def _refuse(self, status: int, code: str, detail: str, headers: Headers = ()) -> None:
        self._refuse_with(problem_answer(problem(status, code, detail), headers))

    def _refuse_with(self, answer: Answer) -> None:
        self._ending.refuse(answer, self._head)
        self._linger()

    def _linger(self) -> None:
        if self._is_half_closed:
            self._close()
            return
        self._end()
        self._ending.linger()
        self._buffer.clear()
        self._resume_reading()

    def _close(self) -> None:
        self._end()
        self._ending.close()

    def _end(self) -> None:
        self._state = _State.ENDING
        self._door.busy(self)

    def _head_timed_out(self) -> None:
        if self._buffer:
            self._door.ended(limits.HEAD_TIMEOUT)
            self._refuse(408, problems.REQUEST_TIMEOUT, "the head of the request did not arrive in time")
            return
        self._door.ended(limits.HEAD_TIMEOUT if self._is_first else limits.IDLE_TIMEOUT)
        self._close()

    def _resume_reading(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()
