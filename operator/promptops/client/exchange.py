"""HTTP/1.1 as the hot call speaks it: the bytes of one question, and its answer, read strictly. No I/O here.

An answer says for which question it is. What else comes over a connection, be it the answer to somebody else's
question or no HTTP at all, is never taken for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from promptops.api.http import REQUEST_ID_HEADER
from promptops.api.limits import MAX_CHUNK_LINE_BYTES, MAX_HEAD_BYTES
from promptops.client.trace_context import traceparent

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Beyond what any render can be: 1 MiB of output, said twice, each byte escaped."""

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([2-5]\d\d)(?: [^\r\n]*)?")
_INTERIM: Final = re.compile(rb"HTTP/1\.1 1(?!01)\d\d[ \r]")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BROKEN_VALUE: Final = re.compile(rb"[\r\n\0]")
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_ONCE: Final = frozenset({"content-length", "transfer-encoding", REQUEST_ID_HEADER})


class NoAnswer(Exception):
    """The connection ended before the answer was complete."""


class NotTheAnswer(Exception):
    """What came is no HTTP, or not the answer to this question."""


@dataclass(frozen=True)
class Question:
    """One request as bytes, and the id that its answer must bear."""

    id: str
    data: bytes


@dataclass(frozen=True)
class Response:
    """What came back. `reusable`: the connection may carry the next question."""

    status: int
    body: bytes
    retry_after: str | None = None
    reusable: bool = False


def question(
    host: str, method: str, path: str, body: bytes | None, request_id: str, token: str | None = None
) -> Question:
    """Return a request. Host, path and token are already fit for a head: ASCII, without blanks."""
    trace = traceparent()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n"
        f"{REQUEST_ID_HEADER}: {request_id}\r\ncontent-type: application/json\r\ncontent-length: {len(body or b'')}\r\n"
    )
    head += f"authorization: Bearer {token}\r\n" if token is not None else ""
    head += f"traceparent: {trace}\r\n\r\n" if trace else "\r\n"
    return Question(request_id, head.encode("ascii") + (body or b""))


@dataclass
class Reading:
    """The answer to one question, as far as it has come.

    `first`: nothing was asked over this connection before. Then a refusal without an id, by one who refuses the
    connection and has not read the question, can only be for this one.
    """

    request_id: str
    first: bool
    _data: bytearray = field(default_factory=bytearray)
    _head: _Head | None = None
    _chunks: _Chunks | None = None

    def feed(self, data: bytes) -> Response | None:
        """Take what came; return the answer once it is complete. Raises NotTheAnswer."""
        self._data += data
        head = self._head = self._head or self._read_head()
        if head is None:
            return None
        if head.length is not None:
            if len(self._data) < head.length:
                return None
            return head.response(bytes(self._data[: head.length]), is_all=len(self._data) == head.length)
        if len(self._data) > MAX_ANSWER_BYTES:
            raise NotTheAnswer("the answer does not end")
        if self._chunks is not None and self._chunks.read(self._data):
            return head.response(bytes(self._chunks.body), is_all=not self._data)
        return None

    def end(self) -> Response:
        """The connection was closed: return the answer if that is how it ends. Raises NoAnswer."""
        if self._head is None or self._head.length is not None or self._head.chunked:
            raise NoAnswer("the connection was closed before the answer was complete")
        return self._head.response(bytes(self._data), is_all=False)

    def _read_head(self) -> _Head | None:
        end = self._data.find(b"\r\n\r\n")
        while end >= 0 and _INTERIM.match(self._data):
            del self._data[: end + 4]
            end = self._data.find(b"\r\n\r\n")
        if (len(self._data) if end < 0 else end) > MAX_HEAD_BYTES:
            raise NotTheAnswer("the head of the answer is too large")
        if end < 0:
            if not b"HTTP/1.".startswith(self._data[:7]):
                raise NotTheAnswer("the answer is not HTTP/1.1")
            return None
        head = _read_head(bytes(self._data[:end]))
        head.check(self.request_id, first=self.first)
        del self._data[: end + 4]
        self._chunks = _Chunks() if head.chunked else None
        return head


@dataclass(frozen=True)
class _Head:
    """Status and headers of an answer."""

    status: int
    headers: dict[str, str]
    kept_open: bool

    @property
    def chunked(self) -> bool:
        return "transfer-encoding" in self.headers

    @property
    def length(self) -> int | None:
        """Bytes of the body; None when it comes in chunks or ends with the connection."""
        if self.status in (204, 304):
            return 0
        length = self.headers.get("content-length")
        return int(length) if length is not None else None

    def check(self, request_id: str, *, first: bool) -> None:
        """Raise NotTheAnswer unless this can be the answer to the question of that id, in a form that is read here."""
        length, coding = self.headers.get("content-length"), self.headers.get("transfer-encoding")
        if length is not None and (
            coding is not None or not _LENGTH.fullmatch(length) or int(length) > MAX_ANSWER_BYTES
        ):
            raise NotTheAnswer("the length of the answer cannot be told")
        if coding not in (None, "chunked") or self.headers.get("content-encoding", "identity") != "identity":
            raise NotTheAnswer("the answer is encoded in a way that was not asked for")
        unnamed = request_id if first and self.status >= 400 else None
        if self.headers.get(REQUEST_ID_HEADER, unnamed) != request_id:
            raise NotTheAnswer("the answer is not for this question")

    def response(self, body: bytes, *, is_all: bool) -> Response:
        """Return the whole answer. `is_all`: nothing came behind it."""
        reusable = is_all and self.kept_open and REQUEST_ID_HEADER in self.headers
        return Response(self.status, body, self.headers.get("retry-after"), reusable)


def _read_head(data: bytes) -> _Head:
    first, *lines = data.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise NotTheAnswer("the answer is not HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        spelt, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(spelt) or _BROKEN_VALUE.search(value):
            raise NotTheAnswer("a header of the answer cannot be read")
        name = spelt.decode("ascii").lower()
        if name in _ONCE and name in headers:
            raise NotTheAnswer(f"the answer says {name} twice")
        headers[name] = value.strip(b" \t").decode("latin-1")
    kept_open = status[1] == b"1" and headers.get("connection", "").lower() != "close"
    return _Head(int(status[2]), headers, kept_open)


@dataclass
class _Chunks:
    """A body that comes in pieces, each with its length before it."""

    body: bytearray = field(default_factory=bytearray)
    _at: int = 0
    """How far into the data has been read: what was read stays until the end, so that the work is linear."""

    def read(self, data: bytearray) -> bool:
        """Read on; once the last piece is there, leave in `data` what came behind it and return True."""
        while (line_end := data.find(b"\r\n", self._at)) >= 0:
            size = _CHUNK.fullmatch(data, self._at, line_end)
            if size is None:
                raise NotTheAnswer("a chunk of the answer cannot be read")
            length, begin = int(size[1], 16), line_end + 2
            if len(data) < begin + length + 2:
                return False
            if data[begin + length : begin + length + 2] != b"\r\n":
                raise NotTheAnswer("a chunk of the answer is not as long as it says")
            self.body += data[begin : begin + length]
            self._at = begin + length + 2
            if length == 0:
                del data[: self._at]
                return True
        if len(data) - self._at > MAX_CHUNK_LINE_BYTES:
            raise NotTheAnswer("a chunk of the answer cannot be read")
        return False
