"""The sidecar at a Unix socket, as a hop to follow. Plain HTTP/1.1 over sockets of our own, so that no library has to be loaded."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final
from weakref import WeakSet

import msgspec

from promptops.api import reasons
from promptops.api.clients import INSTANCE_HEADER, ClientReport, ClientReportAnswer
from promptops.api.feed import Blob, BlobsAnswer, BlobsRequest
from promptops.api.http import Problem
from promptops.api.limits import MAX_HEAD_BYTES
from promptops.api.wire import Unreadable, read
from promptops.feed.hop import Disconnected

ANSWER_SECONDS: Final = 10.0
"""For a connection, a question and its answer, or for the beginning of a stream."""
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
DIGESTS_PER_REQUEST: Final = 200


class SocketHop:
    """Whoever listens at the socket."""

    def __init__(self, path: str, instance: str = "") -> None:
        """`instance`: who follows; empty for one that renders nothing from it."""
        self._path = path
        self._shown = {INSTANCE_HEADER: instance} if instance else {}
        self._sockets: WeakSet[socket.socket] = WeakSet()

    @asynccontextmanager
    async def stream(self, headers: dict[str, str], asking: Callable[[], None]) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the stream and yield its bytes as they come; `asking` is called just before. Raises Disconnected."""
        with _disconnections():
            async with self._connection() as (reader, writer):
                asking()
                async with asyncio.timeout(ANSWER_SECONDS):
                    await _ask(writer, "GET", "/v1/stream", headers | self._shown)
                    await _answered(reader)
                yield _chunks(reader)

    async def blobs(self, digests: list[str]) -> tuple[Blob, ...]:
        """Fetch some of these blobs; those that are left out may be asked for again. Raises Disconnected."""
        body = msgspec.json.encode(BlobsRequest(tuple(digests[:DIGESTS_PER_REQUEST])))
        with _disconnections():
            async with self._connection() as (reader, writer), asyncio.timeout(ANSWER_SECONDS):
                await _ask(writer, "POST", "/v1/blobs", {"content-type": "application/json"}, body)
                answer = await reader.readexactly(await _answered(reader))
        try:
            return read(answer, BlobsAnswer).blobs
        except Unreadable:
            raise Disconnected(reasons.MALFORMED, "the answer is not blobs") from None

    async def report(self, report: ClientReport) -> ClientReportAnswer:
        """Tell what this process does with what it follows. Raises Disconnected."""
        with _disconnections():
            async with self._connection() as (reader, writer), asyncio.timeout(ANSWER_SECONDS):
                body = msgspec.json.encode(report)
                await _ask(writer, "POST", "/v1/reports", {"content-type": "application/json"}, body)
                answer = await reader.readexactly(await _answered(reader))
        try:
            return read(answer, ClientReportAnswer)
        except Unreadable:
            raise Disconnected(reasons.MALFORMED, "the answer is not what a report is answered with") from None

    async def close(self) -> None:
        """Nothing: a connection lasts as long as what is said over it."""

    def abandon(self) -> None:
        """Close this process' handles of connections that another process made: they stay with that one."""
        for connection in list(self._sockets):
            connection.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.add(connection)
        try:
            connection.setblocking(False)
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, self._path)
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=MAX_HEAD_BYTES)
        except BaseException:
            connection.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@contextmanager
def _disconnections() -> Iterator[None]:
    """Turn what a connection can fail with into Disconnected."""
    try:
        yield
    except TimeoutError:
        raise Disconnected(reasons.UNREACHABLE, "no answer in time") from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise Disconnected(reasons.UNREACHABLE, type(error).__name__) from None


async def _ask(
    writer: asyncio.StreamWriter, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> None:
    sent = {"host": "localhost", **headers, "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body)
    await writer.drain()


async def _answered(reader: asyncio.StreamReader) -> int:
    """Read the head of an answer; return the length of its body, -1 when it comes in chunks. Raises Disconnected."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = -1 if headers.get("transfer-encoding") == "chunked" else int(headers["content-length"])
    if length > MAX_BODY_BYTES:
        raise Disconnected(reasons.MALFORMED, "the answer is too large")
    if status.split(" ")[1] == "200":
        return length
    raise _refused(await reader.readexactly(max(length, 0)))


def _refused(body: bytes) -> Disconnected:
    try:
        problem = read(body, Problem)
    except Unreadable:
        return Disconnected(reasons.UNREACHABLE, "refused by something that is no sidecar")
    return Disconnected(problem.code, problem.detail[:300])


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield a body that comes in pieces."""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if size > MAX_BODY_BYTES:
            raise Disconnected(reasons.MALFORMED, "a piece of the stream is too large")
        yield await reader.readexactly(size)
        await reader.readexactly(2)
