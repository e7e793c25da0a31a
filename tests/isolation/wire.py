"""HTTP as bytes: what is sent is sent as it is, and all that comes back is kept, heads included."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

STREAM_SECONDS = 0.25
"""So long an answer that never ends is listened to."""
ANSWER_SECONDS = 60.0
_MOST = 1024 * 1024


@dataclass(frozen=True)
class Place:
    """Where somebody listens: at an address, or at a Unix socket."""

    name: str
    port: int = 0
    socket: str = ""
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """What the Host header says."""
        return f"127.0.0.1:{self.port}"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        if self.socket:
            return await asyncio.open_unix_connection(self.socket, limit=_MOST)
        return await asyncio.open_connection("127.0.0.1", self.port, limit=_MOST, ssl=self.tls)


@dataclass(frozen=True)
class Reply:
    """Everything that came back. Status 0: the connection was closed without a word."""

    status: int
    head: bytes
    body: bytes

    @property
    def said(self) -> bytes:
        """All of it."""
        return self.head + self.body

    def header(self, name: bytes) -> bytes:
        """Return a header's value; nothing when it was not sent."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name:
                return value.strip()
        return b""


_NOTHING = Reply(0, b"", b"")


class Wire:
    """One connection to a place, opened when it is needed and again when it was closed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def ask(self, request: bytes) -> Reply:
        """Send a request as it is; return what comes back."""
        async with asyncio.timeout(ANSWER_SECONDS):
            was_open = self._streams is not None
            reply = await self._asked(request)
            # A connection that had been idle for too long may be closed at the very moment in which it is used.
            return await self._asked(request) if was_open and reply is _NOTHING else reply

    async def _asked(self, request: bytes) -> Reply:
        if self._streams is None:
            self._streams = await self._place.connect()
        reader, writer = self._streams
        try:
            writer.write(request)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            reply = Reply(int(head.split(b" ", 2)[1]), head, b"")
            body = await self._body(reader, reply, bodiless=request.startswith(b"HEAD "))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            self._close()
            return _NOTHING
        if reply.header(b"connection").lower() == b"close":
            self._close()
        return Reply(reply.status, head, body)

    async def _body(self, reader: asyncio.StreamReader, reply: Reply, *, bodiless: bool) -> bytes:
        if bodiless or reply.status in (204, 304):
            return b""
        if b"chunked" in reply.header(b"transfer-encoding"):
            return await self._streamed(reader)
        return await reader.readexactly(int(reply.header(b"content-length") or 0))

    async def _streamed(self, reader: asyncio.StreamReader) -> bytes:
        """Listen for a while. Nobody waits for the end of it, so the connection is not used again."""
        parts: list[bytes] = []
        with suppress(TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            async with asyncio.timeout(STREAM_SECONDS):
                while length := int(await reader.readuntil(b"\r\n"), 16):
                    parts.append((await reader.readexactly(length + 2))[:-2])
        self._close()
        return b"".join(parts)

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
