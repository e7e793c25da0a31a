"""Answers as values, and as the bytes that are sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Protocol

import msgspec
import structlog

from promptops.api import reasons
from promptops.api.http import PROBLEM_TYPE, REQUEST_ID_HEADER, Problem
from promptops.rendering.errors import PromptError
from promptops.web import problems
from promptops.web.requests import Head

Headers = tuple[tuple[str, str], ...]
SAFE: Final[Headers] = (("x-content-type-options", "nosniff"),)
MAX_IGNORED_BODY: Final = 64 * 1024
"""So large may a body be that nothing is done with."""
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_log = structlog.get_logger()


class Outlet(Protocol):
    """Where an answer that lasts is written to."""

    gone: asyncio.Event
    """Set when nobody reads any more."""

    async def send(self, data: bytes) -> None:
        """Hand bytes to the network; waits for a slow reader. Raises ConnectionError when it is gone."""


class Answer(msgspec.Struct, frozen=True):
    """A status, headers, and a body that is complete."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: Headers = ()


class Lasting(msgspec.Struct, frozen=True):
    """An answer that goes on until `write` returns, in chunks."""

    content_type: str
    write: Callable[[Outlet], Awaitable[None]]
    headers: Headers = ()


class TakenRequest(msgspec.Struct, frozen=True):
    """A request whose head was taken: how large its body may be, and what answers it."""

    answer: Callable[[bytes], Answer | Lasting | Awaitable[Answer | Lasting]]
    """Raises HttpRefusal and PromptError; anything else is a fault of ours and answered 500."""
    limit: int = MAX_IGNORED_BODY
    refusal: Answer | None = None
    """What is answered at once when the caller would have to send a larger body first."""
    is_repeatable: bool = False
    """Whether the same head is taken alike the next time, whatever has happened meanwhile."""

    def too_large(self) -> Answer:
        """Return what is said of a larger body; a refusal of the request itself comes first."""
        detail = f"the body is larger than {self.limit // 1024} KiB"
        return self.refusal or problem_answer(problems.problem(413, reasons.REQUEST_TOO_LARGE, detail))


Application = Callable[[Head], TakenRequest | Awaitable[TakenRequest]]
"""Looks at a head and says who answers. Raises as Call.answer does; then the body is never read."""


def problem_answer(problem: Problem, headers: Headers = ()) -> Answer:
    """Return the problem as an answer."""
    return Answer(
        problem.status,
        msgspec.json.encode(problem),
        PROBLEM_TYPE,
        (("cache-control", "no-store"), *SAFE, *headers),
    )


class DateHeader:
    """The Date header, written once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self, now: float) -> bytes:
        """Return the line of the header."""
        if int(now) != self._second:
            self._second, self._line = int(now), f"date: {formatdate(now, usegmt=True)}\r\n".encode()
        return self._line


def head_of(answer: Answer | Lasting, request: Head | None, date: bytes, *, keeps_alive: bool) -> bytes:
    """Return the status line and the headers, with the empty line; they name the request as its caller named it.

    `date`: the line of that header.
    """
    status = answer.status if isinstance(answer, Answer) else 200
    parts = [_STATUS_LINES[status], date]
    if answer.content_type:
        parts.append(_lines((("content-type", answer.content_type),)))
    if isinstance(answer, Lasting):
        parts.append(b"transfer-encoding: chunked\r\n")
    elif status not in (204, 304):
        parts.append(b"content-length: %d\r\n" % len(answer.body))
    parts.append(_lines(answer.headers))
    asked = request.header(_REQUEST_ID) if request is not None else ""
    if _PLAIN_ID.fullmatch(asked):
        parts.append(f"{REQUEST_ID_HEADER}: {asked}\r\n".encode())
    parts.append(b"\r\n" if keeps_alive else b"connection: close\r\n\r\n")
    return b"".join(parts)


@lru_cache(maxsize=128)
def _lines(headers: Headers) -> bytes:
    """Most answers have the headers of some answer before them."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


def answer_of_error(error: Exception, method: str) -> Answer:
    """Return what a request is told that failed so. An error that nobody foresaw is logged, and not shown."""
    if isinstance(error, problems.HttpRefusal):
        return problem_answer(error.problem, tuple(error.headers.items()))
    if isinstance(error, PromptError):
        later = (("retry-after", str(error.retry_after)),) if error.retry_after is not None else ()
        return problem_answer(problems.problem_of(error), later)
    _log.error("request failed", method=method, exc_info=error)
    return problem_answer(problems.internal_error())
