"""Server-sent events, written and read: one JSON document on one data line, and bounds on everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from promptops.api import reasons
from promptops.cache.refusal import Refused

CONTENT_TYPE = "text/event-stream"
HELLO = "hello"
INDEX = "index"
PATCH = "patch"
HEARTBEAT = "heartbeat"
REVOKED = "revoked"
TRUST = "trust"
BEHIND = "behind"
GOODBYE = "goodbye"

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""An index of 10,000 prompts with 50 pins each fits."""

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Frame:
    """One event."""

    kind: str
    data: bytes


def write(kind: str, message: msgspec.Struct) -> bytes:
    """Return the message as an event. JSON as msgspec writes it has no line break."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), _encoder.encode(message))


class FrameReader:
    """Turns chunks of bytes, cut anywhere, into events."""

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._line = bytearray()
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0

    def read(self, chunk: bytes) -> Iterator[Frame]:
        """Yield the events that this chunk completes. Raises Refused(Malformed) when one grows beyond the limit."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._line += chunk[start:end]
            start = end + 1
            frame = self._end_of_line()
            if frame is not None:
                yield frame
        self._line += chunk[start:]
        self._check_size()

    def _end_of_line(self) -> Frame | None:
        self._check_size()
        line = bytes(self._line).removesuffix(b"\r")
        self._line.clear()
        if not line:
            return self._end_of_event()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._kind = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
            self._size += len(value) + 1  # its line break in the whole, so that empty lines count too
        return None

    def _end_of_event(self) -> Frame | None:
        frame = Frame(self._kind, b"\n".join(self._data)) if self._data else None
        self._kind, self._data, self._size = "", [], 0
        return frame

    def _check_size(self) -> None:
        if self._size + len(self._line) > self._limit:
            raise Refused(reasons.MALFORMED, f"an event larger than {self._limit} bytes")
