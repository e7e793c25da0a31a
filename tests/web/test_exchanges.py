"""Every exchange of the table, in one piece, byte by byte, and over a real socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from promptops.web.answers import Answer, TakenRequest
from promptops.web.limits import Limits
from promptops.web.problems import no_such_route, refuse_query, wrong_method
from promptops.web.requests import Head
from tests.support.serving import Served, served
from tests.support.waiting import SECONDS
from tests.web.exchanges import EXCHANGES, Exchange

PATIENT = Limits(head_seconds=30, body_seconds=30, linger_seconds=30)
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
    return TakenRequest(lambda body: Answer(200, said + (body if head.method == "POST" else b"")), limit)


@pytest.fixture
async def running() -> AsyncIterator[Served]:
    async with served(echo, PATIENT) as running:
        yield running


async def received(port: int, pieces: list[bytes]) -> bytes:
    """Send the pieces and nothing more; return everything that comes back until the server hangs up."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            if len(pieces) > 1:
                await asyncio.sleep(0)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    return answer


def answers(data: bytes) -> list[tuple[int, bytes]]:
    """Split what came into statuses and bodies."""
    found: list[tuple[int, bytes]] = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        size = int(length[1]) if length else 0
        if rest.startswith(b"HTTP/1.1 "):
            size = 0  # HEAD: the length of a body that is not there
        found.append((status, rest[:size]))
        data = rest[size:]
    return found


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


def test_the_table_is_large_and_its_names_differ() -> None:
    assert len(EXCHANGES) >= 300
    assert len({exchange.name for exchange in EXCHANGES}) == len(EXCHANGES)
