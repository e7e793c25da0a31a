"""Every exchange of the table, in one piece, byte by byte, and over a real socket."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from promptops.web.answers import Answer, TakenRequest
from promptops.web.certificates import Authority
from promptops.web.encryption import Encryption
from promptops.web.limits import Limits
from promptops.web.listeners import bind_path
from promptops.web.problems import no_such_route, refuse_query, wrong_method
from promptops.web.requests import Head
from promptops.web.server import Listener, Server
from tests.support.serving import Counted, Served, loopback, served
from tests.support.waiting import SECONDS
from tests.web.exchanges import EXCHANGES, LAST, Exchange, answers

PATIENT = Limits(head_seconds=30, body_seconds=30, linger_seconds=30)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
STEP_BYTES = 400
"""Longer exchanges than this are not sent byte by byte."""


def echo(head: Head) -> TakenRequest:
    """Answer with what was given."""
    if head.path not in ("/echo", "/last"):
        raise no_such_route(head.path)
    if head.method not in ("GET", "HEAD", "POST"):
        raise wrong_method(("GET", "HEAD", "POST"))
    refuse_query(head.query)
    limit = 4096 if head.method == "POST" else 64 * 1024
    said = f"{head.method} {head.path} ".encode()
    answer = Answer(200, said)
    return TakenRequest(
        lambda body: Answer(200, said + body) if head.method == "POST" else answer, limit, is_repeatable=True
    )


@pytest.fixture
async def running() -> AsyncIterator[Served]:
    async with served(echo, PATIENT) as running:
        yield running


async def received(port: int, pieces: list[bytes]) -> bytes:
    """Send the pieces and nothing more; return everything that comes back until the server hangs up."""
    return await exchanged(await asyncio.open_connection("127.0.0.1", port), pieces)


async def exchanged(streams: Streams, pieces: list[bytes]) -> bytes:
    """Do the same over a connection that is there."""
    reader, writer = streams
    async with asyncio.timeout(SECONDS):
        for piece in pieces:
            writer.write(piece)
            if len(pieces) > 1:
                await asyncio.sleep(0)
        if writer.can_write_eof():
            writer.write_eof()
        answer = await reader.read()
        writer.close()
    return answer


@pytest.mark.parametrize("exchange", [pytest.param(exchange, id=exchange.name) for exchange in EXCHANGES])
async def test_an_exchange(running: Served, exchange: Exchange) -> None:
    got = answers(await received(running.port, [exchange.sent]))

    assert tuple(status for status, _ in got) == exchange.statuses
    assert not exchange.bodies or tuple(body for _, body in got) == exchange.bodies
    assert not any(b"smuggled" in body for _, body in got)


async def test_how_the_bytes_arrive_changes_nothing(running: Served) -> None:
    short = [exchange for exchange in EXCHANGES if len(exchange.sent) < STEP_BYTES]
    for exchange in short:
        pieces = [exchange.sent[at : at + 1] for at in range(len(exchange.sent))]

        got = answers(await received(running.port, pieces))

        # 100 Continue is not sent to who sends the body anyway: how far that has come depends on the moment.
        statuses = tuple(status for status, _ in got if status != 100)
        assert statuses == tuple(status for status in exchange.statuses if status != 100), exchange.name


async def test_what_was_said_before_is_answered_as_what_was_not(running: Served) -> None:
    """The head of a request that is taken alike each time is not read again."""
    async with served(lambda head: msgspec.structs.replace(echo(head), is_repeatable=False), PATIENT) as forgetful:
        for exchange in EXCHANGES:
            fresh = await received(forgetful.port, [exchange.sent])

            said = [await received(running.port, [exchange.sent]) for _ in range(2)]

            assert [_dateless(each) for each in said] == [_dateless(fresh)] * 2, exchange.name


@pytest.mark.parametrize(
    ("path", "is_repeatable", "asked"),
    [
        pytest.param("/echo", True, 1, id="taken alike each time"),
        pytest.param("/echo", False, 3, id="perhaps not"),
        pytest.param("/echo" + "e" * 2000, True, 3, id="too long to be kept"),
    ],
)
async def test_a_head_is_taken_once_when_it_may_be(path: str, is_repeatable: bool, asked: int) -> None:
    taken: list[Head] = []

    def counting(head: Head) -> TakenRequest:
        taken.append(head)
        return TakenRequest(lambda body: Answer(200, body), is_repeatable=is_repeatable)

    async with served(counting, PATIENT) as running:
        one = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n".encode()
        got = answers(await received(running.port, [one + b"a" + one + b"b" + one + b"c" + LAST]))

    assert [body for _, body in got] == [b"a", b"b", b"c", b""]
    assert sum(head.path == path for head in taken) == asked


async def test_what_is_kept_of_heads_is_bounded() -> None:
    async with served(echo, PATIENT) as running:
        sent = [b"GET /echo HTTP/1.1\r\nHost: localhost\r\nX: %d\r\n\r\n" % number for number in range(1000)]
        got = answers(await received(running.port, [b"".join(sent) + LAST]))

        assert running.server.known_heads <= 256
    assert [status for status, _ in got] == [200] * 1001


def _dateless(answer: bytes) -> bytes:
    return re.sub(rb"date: [^\r]*", b"", answer)


@asynccontextmanager
async def listening(kind: str, place: Path) -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    """Serve on a listener of the kind; yield what opens a connection to it."""
    root = Authority("one", datetime.now(UTC))
    encryption = Encryption(root.server("exchanges", ("127.0.0.1",), ("localhost",))) if kind == "TLS" else None
    path = place / "x.sock"
    with bind_path(path, 0o600) if kind == "a Unix socket" else closing(loopback()) as bound:
        # Over TLS nobody can say that it sends no more: deadlines do.
        limits = replace(PATIENT, head_seconds=0.5, body_seconds=0.5, linger_seconds=0.2) if encryption else PATIENT
        server = Server(Listener("test", bound, echo, limits, encryption), Counted(), 2.0)
        await server.start()
        trusting = ssl.create_default_context(cadata=root.certificate.decode())

        def connect() -> Awaitable[Streams]:
            if kind == "a Unix socket":
                return asyncio.open_unix_connection(path)
            return asyncio.open_connection("localhost", bound.getsockname()[1], ssl=trusting if encryption else None)

        try:
            yield connect
        finally:
            await server.stop()


@pytest.mark.parametrize("kind", ["a Unix socket", "TLS"])
async def test_every_kind_of_listener_answers_alike(kind: str, tmp_path: Path) -> None:
    async def statuses(exchange: Exchange) -> tuple[int, ...]:
        async with turns:
            got = answers(await exchanged(await connect(), [exchange.sent]))
        assert not any(b"smuggled" in body for _, body in got)
        # Half a request is no request, be it given up by its sender or by the deadline.
        return tuple(400 if status == 408 else status for status, _ in got)

    turns = asyncio.Semaphore(50)
    async with listening(kind, tmp_path) as connect:
        found = await asyncio.gather(*map(statuses, EXCHANGES))

    differing = {each.name: got for each, got in zip(EXCHANGES, found, strict=True) if got != each.statuses}
    assert differing == {}


def test_the_table_is_large_and_its_names_differ() -> None:
    assert len(EXCHANGES) >= 300
    assert len({exchange.name for exchange in EXCHANGES}) == len(EXCHANGES)
