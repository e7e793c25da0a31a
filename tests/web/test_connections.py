"""What a connection may take: time, room, and the place of others; and that a refusal is heard."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import replace

import pytest

from promptops.web import limits
from promptops.web.answers import Answer, Lasting, Outlet, TakenRequest
from promptops.web.limits import Limits, shares
from promptops.web.problems import no_such_route
from promptops.web.requests import Head
from tests.support.serving import Served, served
from tests.support.waiting import SECONDS, until

QUICK = Limits(head_seconds=0.3, body_seconds=0.3, whole_body_seconds=1, idle_seconds=0.3, linger_seconds=0.3)
HOST = b"Host: localhost\r\n"
GET = b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def application(head: Head) -> TakenRequest:
    """Echo; or answer with more than any buffer takes; or wait for ever."""
    match head.path:
        case "/echo":
            return TakenRequest(lambda body: Answer(200, body), 1024 * 1024)
        case "/large":
            return TakenRequest(lambda _: Answer(200, b"x" * 50_000_000))
        case "/lasting":
            return TakenRequest(lambda _: Lasting("text/plain", _write))
    raise no_such_route(head.path)


async def _write(outlet: Outlet) -> None:
    while True:
        await outlet.send(b"x" * 1000)


async def connect(running: Served) -> Connected:
    return await asyncio.open_connection("127.0.0.1", running.port)


async def asked(connection: Connected, data: bytes) -> bytes:
    """Send and return everything until the server hangs up."""
    reader, writer = connection
    writer.write(data)
    async with asyncio.timeout(SECONDS):
        return await reader.read()


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        pytest.param(b"", b"", limits.HEAD_TIMEOUT, id="nothing at all"),
        pytest.param(b"\r\n", b"", limits.HEAD_TIMEOUT, id="an empty line"),
        pytest.param(b"G", b"408", limits.HEAD_TIMEOUT, id="a letter"),
        pytest.param(GET[:-2], b"408", limits.HEAD_TIMEOUT, id="a head without end"),
        pytest.param(POST + b"Content-Length: 5\r\n\r\n", b"408", limits.BODY_TIMEOUT, id="a body that never begins"),
        pytest.param(POST + b"Content-Length: 5\r\n\r\nbod", b"408", limits.BODY_TIMEOUT, id="half a body"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbo", b"408", limits.BODY_TIMEOUT, id="half a chunk"
        ),
        pytest.param(GET, b"200", limits.IDLE_TIMEOUT, id="nothing behind an answer"),
        pytest.param(GET + b"G", b"408", limits.HEAD_TIMEOUT, id="a letter behind an answer"),
        pytest.param(GET + b"\r\n", b"200", limits.IDLE_TIMEOUT, id="an empty line behind an answer"),
    ],
)
async def test_a_caller_that_goes_silent_is_left(sent: bytes, status: bytes, reason: str) -> None:
    async with served(application, QUICK) as running:
        connection = await connect(running)

        answer = await asked(connection, sent)

        assert status in answer
        assert running.counted.ended == {reason: 1}
        connection[1].close()
        await until(lambda: running.counted.open == 0)


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        pytest.param(b"GET /echo HTTP/1.1\r\nX: ", b"y", id="a head that drips"),
        pytest.param(b"", b"\r\n", id="empty lines"),
        pytest.param(POST + b"Content-Length: 1000\r\n\r\n", b"x", id="a body that drips"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks that drip"),
    ],
)
async def test_a_caller_that_drips_is_left(begin: bytes, drop: bytes) -> None:
    async with served(application, replace(QUICK, whole_body_seconds=0.5)) as running:
        reader, writer = await connect(running)
        writer.write(begin)
        dripping = asyncio.create_task(_drip(writer, drop))

        async with asyncio.timeout(SECONDS):
            await reader.read()

        assert sum(running.counted.ended.values()) >= 1
        dripping.cancel()
        writer.close()


async def _drip(writer: asyncio.StreamWriter, drop: bytes) -> None:
    with suppress(ConnectionError):
        while True:
            writer.write(drop)
            await asyncio.sleep(0.05)


async def test_a_slow_body_that_comes_is_taken() -> None:
    async with served(application, replace(QUICK, body_seconds=1.5, whole_body_seconds=60)) as running:
        reader, writer = await connect(running)
        writer.write(POST + b"Content-Length: 8\r\n\r\n")
        for _ in range(8):  # together longer than the pause that is allowed
            await asyncio.sleep(0.2)
            writer.write(b"x")

        assert (await reader.readuntil(b"xxxxxxxx")).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize("path", [b"/large", b"/lasting"])
async def test_a_reader_that_takes_nothing_is_left(path: bytes) -> None:
    async with served(application, replace(QUICK, write_seconds=0.3)) as running:
        _, writer = await connect(running)
        writer.write(GET.replace(b"/echo", path))

        await until(lambda: running.counted.ended[limits.WRITE_TIMEOUT] == 1)
        await until(lambda: running.counted.open == 0)
        writer.close()


async def test_a_reader_that_hangs_up_ends_its_answer() -> None:
    async with served(application) as running:
        reader, writer = await connect(running)
        writer.write(GET.replace(b"/echo", b"/lasting"))
        await reader.read(100)

        writer.transport.abort()

        await until(lambda: running.counted.open == 0)
        assert not running.counted.ended


async def test_whoever_sends_much_ahead_is_not_read_until_it_takes_its_answers() -> None:
    async with served(application, replace(QUICK, write_seconds=30)) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as flooding:
            flooding.setblocking(False)
            sent = 0
            piece = (POST + b"Content-Length: 50000\r\n\r\n" + b"x" * 50_000) * 4
            with suppress(BlockingIOError):
                for _ in range(1000):
                    sent += flooding.send(piece)
                    await asyncio.sleep(0.001)

            assert sent < 100_000_000


async def test_one_too_many_is_told_so_and_one_that_is_idle_makes_room() -> None:
    async with served(application, replace(QUICK, connections=2, idle_seconds=60, head_seconds=60)) as running:
        idle, busy = await connect(running), await connect(running)
        idle[1].write(GET)
        assert (await idle[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        busy[1].write(GET[:10])
        await until(lambda: running.counted.open == 2)

        newcomer = await connect(running)
        newcomer[1].write(GET[:10])
        assert await idle[0].read() == b""
        refused = await asked(await connect(running), b"")

        head, _, body = refused.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in head
        assert json.loads(body)["code"] == "TooManyConnections"
        assert running.counted.ended == {limits.TOO_MANY: 1}
        newcomer[1].write(GET[10:])
        assert (await newcomer[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        for _, writer in (idle, busy, newcomer):
            writer.close()


async def test_a_flood_of_connections_is_bounded() -> None:
    async with served(application, replace(QUICK, connections=5, head_seconds=60, linger_seconds=60)) as running:
        flood = [await connect(running) for _ in range(200)]

        await until(lambda: running.counted.ended[limits.TOO_MANY] == 195)

        door = running.server._door
        assert door is not None
        assert len(door._connections) == 5
        assert len(door._refused) <= 17
        for _, writer in flood:
            writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(POST + b"Content-Length: 20000000\r\n\r\n", b"413", id="too large"),
        pytest.param(POST.replace(b"/echo", b"/no") + b"Content-Length: 20000000\r\n\r\n", b"404", id="not found"),
        pytest.param(POST + b"Content-Encoding: gzip\r\nContent-Length: 20000000\r\n\r\n", b"415", id="compressed"),
        pytest.param(b"BAD\r\n\r\n", b"400", id="malformed"),
        pytest.param(b"GET / HTTP/1.1\r\nX: ", b"400", id="a head that is too large"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", b"413", id="a chunk that is too large"),
        pytest.param(POST + b"Expect: x\r\nContent-Length: 20000000\r\n\r\n", b"417", id="unexpected"),
    ],
)
async def test_a_refusal_is_heard_by_who_sends_everything_first(head: bytes, status: bytes) -> None:
    """As a client does that reads nothing before it has written its whole request."""
    async with served(application) as running:
        answer = await asyncio.to_thread(_send_then_read, running.port, head + b"x" * 4_000_000)

        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"connection: close" in answer


def _send_then_read(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


async def test_who_goes_on_sending_behind_a_refusal_is_cut_off() -> None:
    async with served(application, replace(QUICK, linger_bytes=1_000_000)) as running:
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(_send_then_read, running.port, b"BAD\r\n\r\n" + b"x" * 50_000_000)


async def test_a_server_that_ends_finishes_what_was_begun() -> None:
    async with served(application, grace=20) as running:
        idle, busy = await connect(running), await connect(running)
        idle[1].write(GET)
        await idle[0].readuntil(b"\r\n\r\n")
        busy[1].write(POST + b"Content-Length: 4\r\n\r\nbo")
        await until(lambda: running.counted.open == 2)

        stopping = asyncio.create_task(running.server.stop())
        assert await idle[0].read() == b""
        answer = await asked(busy, b"dy")

        assert answer.endswith(b"body")
        assert b"connection: close" in answer
        busy[1].close()
        await stopping
        with pytest.raises(ConnectionError):
            await connect(running)


async def test_a_server_that_ends_waits_no_longer_than_its_grace() -> None:
    async with served(application, grace=0.2) as running:
        reader, writer = await connect(running)
        writer.write(GET.replace(b"/echo", b"/lasting"))
        await reader.read(100)

        async with asyncio.timeout(SECONDS):
            await running.server.stop()

        assert running.counted.open == 0
        writer.close()


@pytest.mark.parametrize("descriptors", [64, 256, 1024, 65_536])
@pytest.mark.parametrize("listeners", [1, 2])
def test_shares_leave_descriptors_for_everything_else(descriptors: int, listeners: int) -> None:
    divided = shares(listeners, descriptors)

    told = 17 * (listeners + 1)
    assert divided.operations >= 4
    assert divided.serving >= 4
    assert descriptors < 256 or divided.operations + listeners * divided.serving + told <= descriptors - 32
