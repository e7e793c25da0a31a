"""A TCP proxy that breaks things: it cuts, stalls, half-opens, slows, slices and corrupts what passes through it.

It knows nothing of what it carries. Up is from the client to the target, down is the way back.

    async with FaultProxy("127.0.0.1", target_port) as proxy:
        connect_to(proxy.port)
        proxy.stall_down()
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

Mangle = Callable[[int, bytes], bytes]
"""(offset of the first byte in this direction of this connection, bytes) → the bytes to pass on."""
CHUNK_BYTES = 64 * 1024


class Direction:
    """What happens to bytes on one way."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        """Cleared: bytes are neither read nor passed on, the connection stays."""
        self.open.set()
        self.latency_seconds = 0.0
        self.slice_bytes: int | None = None
        """Pass bytes on in pieces of this size."""
        self.bytes_per_second: float | None = None
        self.cut_after: int | None = None
        """Cut a connection after so many bytes of it."""
        self.swallow = False
        """Half-open: bytes are read and vanish."""
        self.mangle: Mangle | None = None
        self.passed = 0
        """Bytes passed on, over all connections."""

    def heal(self) -> None:
        """Pass everything on again."""
        passed = self.passed
        self.__init__()  # type: ignore[misc]
        self.passed = passed


class FaultProxy:
    """Listens on a free port of the loopback and passes connections on to a target."""

    def __init__(self, host: str, port: int, *, listen_port: int = 0) -> None:
        self.target = (host, port)
        """May be changed at any time; new connections go there."""
        self.up = Direction()
        self.down = Direction()
        self.refuse = False
        """Close new connections at once."""
        self.accepted = 0
        """Connections so far."""
        self._listen_port = listen_port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where it listens, for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self._listen_port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """End every connection at once."""
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def stall(self) -> None:
        """Let nothing through in either direction; connections stay open and new ones are accepted."""
        self.up.open.clear()
        self.down.open.clear()

    def heal(self) -> None:
        """Let everything through again."""
        self.refuse = False
        for direction in (self.up, self.down):
            stalled = direction.open
            direction.heal()
            stalled.set()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if not self.refuse:
                await self._carry(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target_reader, target_writer = await asyncio.open_connection(*self.target)
        except OSError:
            return
        up = asyncio.create_task(_pump(reader, target_writer, self.up))
        down = asyncio.create_task(_pump(target_reader, writer, self.down))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            target_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
    offset = 0
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK_BYTES):
            await direction.open.wait()
            if direction.latency_seconds:
                await asyncio.sleep(direction.latency_seconds)
            end = direction.cut_after
            chunk = chunk if end is None else chunk[: max(0, end - offset)]
            await _pass_on(chunk if direction.mangle is None else direction.mangle(offset, chunk), writer, direction)
            offset += len(chunk)
            if end is not None and offset >= end:
                return


async def _pass_on(data: bytes, writer: asyncio.StreamWriter, direction: Direction) -> None:
    if direction.swallow:
        return
    size = direction.slice_bytes or len(data) or 1
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        writer.write(piece)
        await writer.drain()
        direction.passed += len(piece)
        if direction.bytes_per_second:
            await asyncio.sleep(len(piece) / direction.bytes_per_second)
        elif direction.slice_bytes:
            # Lets the piece leave alone.
            await asyncio.sleep(0)
