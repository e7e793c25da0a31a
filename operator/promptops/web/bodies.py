"""Bodies of requests as they arrive: counted by length or in chunks, never held beyond their limit. No I/O."""

from __future__ import annotations

import re
from typing import Final, Protocol

from promptops.api.limits import MAX_CHUNK_LINE_BYTES
from promptops.web.problems import UNSUPPORTED_ENCODING, HttpRefusal, problem
from promptops.web.requests import Head, Malformed, trailer

_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t \x21-\x7e]*)?")
_MAX_TRAILERS: Final = 4096
_MAX_CHUNKS: Final = 20_000
"""A body in single bytes is nobody's, and reading a chunk costs far more than reading a byte."""


class TooLarge(Exception):
    """The body is larger than it may be."""


class Body(Protocol):
    """Takes a body's bytes out of what was received."""

    def take(self, buffer: bytearray) -> bool:
        """Take what belongs to the body; return whether it is complete. Raises TooLarge and Malformed."""

    def content(self) -> bytes:
        """Return what was taken."""


def body_of(head: Head, limit: int) -> Body:
    """Return what takes in the body that the head announces.

    Raises TooLarge at once for a length beyond the limit, HttpRefusal for bytes that stand for others.
    """
    if head.header(b"content-encoding").lower() not in ("", "identity"):
        raise HttpRefusal(problem(415, UNSUPPORTED_ENCODING, "send the body as it is, without Content-Encoding"))
    if head.length is None:
        return _Chunked(limit)
    if head.length > limit:
        raise TooLarge
    return _Counted(head.length)


class _Counted:
    def __init__(self, length: int) -> None:
        self._left = length
        self._parts: list[bytes] = []

    def take(self, buffer: bytearray) -> bool:
        part = bytes(buffer[: self._left])
        del buffer[: len(part)]
        self._parts.append(part)
        self._left -= len(part)
        return self._left == 0

    def content(self) -> bytes:
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


class _Chunked:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._body = bytearray()
        self._left = 0
        self._chunks = 0
        self._trailers: int | None = None
        """Bytes of trailers so far; None while chunks come."""

    def take(self, buffer: bytearray) -> bool:
        at = 0
        try:
            while True:
                if self._left:
                    at, is_whole = self._take_chunk(buffer, at)
                    if not is_whole:
                        return False
                    continue
                line = self._line(buffer, at)
                if line is None:
                    return False
                at += len(line) + 2
                if self._is_last(line):
                    return True
        finally:
            # Once, however many chunks there were: to cut each off the front would move the rest every time.
            del buffer[:at]

    def content(self) -> bytes:
        return bytes(self._body)

    def _take_chunk(self, buffer: bytearray, at: int) -> tuple[int, bool]:
        """`_left` counts the line's end too."""
        data = buffer[at : at + max(self._left - 2, 0)]
        self._body += data
        self._left -= len(data)
        at += len(data)
        if self._left > 2 or len(buffer) < at + 2:
            return at, False
        if buffer[at : at + 2] != b"\r\n":
            raise Malformed("a chunk is longer than it says")
        self._left = 0
        return at + 2, True

    def _line(self, buffer: bytearray, at: int) -> bytes | None:
        limit = MAX_CHUNK_LINE_BYTES if self._trailers is None else _MAX_TRAILERS
        end = buffer.find(b"\n", at, at + limit)
        if end < 0:
            if len(buffer) - at >= limit:
                raise Malformed("a line between chunks is too long")
            return None
        if end == at or buffer[end - 1] != 13:
            raise Malformed("a line ends without a carriage return")
        return bytes(buffer[at : end - 1])

    def _is_last(self, line: bytes) -> bool:
        if self._trailers is not None:
            return self._is_end_of_trailers(line)
        matched = _CHUNK_LINE.fullmatch(line)
        if matched is None:
            raise Malformed("the length of a chunk is not a number")
        size = int(matched[1], 16)
        self._chunks += 1
        if len(self._body) + size > self._limit or self._chunks > _MAX_CHUNKS:
            raise TooLarge
        if size:
            self._left = size + 2
        else:
            self._trailers = 0
        return False

    def _is_end_of_trailers(self, line: bytes) -> bool:
        if not line:
            return True
        trailer(line)
        self._trailers = (self._trailers or 0) + len(line)
        if self._trailers > _MAX_TRAILERS:
            raise Malformed("the trailers are too long")
        return False
