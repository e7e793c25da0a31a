"""A hop that never finishes what it says: each call ends by its deadline, however often a byte comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from promptops.api import reasons
from promptops.api.feed import ReportBatch
from promptops.cache.store import Store
from promptops.feed import connection
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from promptops.feed.hop import Disconnected
from tests.cache.scribe import Scribe
from tests.support.hop import Observed
from tests.support.waiting import until

SOON, PAUSE = 0.2, 0.01
"""Each read is answered much sooner than httpx's own bound for one read."""
Call = Callable[[Upstream], Awaitable[object]]


async def follow(upstream: Upstream) -> None:
    async with upstream.stream({}, lambda: None):
        pass


async def fetch(upstream: Upstream) -> None:
    await upstream.blobs(["sha256:0"])


async def report(upstream: Upstream) -> None:
    await upstream.report(ReportBatch(()))


class Dripping:
    """Sends a beginning at once, and then the same few bytes for ever."""

    def __init__(self, beginning: bytes, drop: bytes) -> None:
        self.asked = 0
        self.port = 0
        self._beginning = beginning
        self._drop = drop

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._beginning)
            while True:
                writer.write(self._drop)
                await writer.drain()
                await asyncio.sleep(PAUSE)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


@asynccontextmanager
async def dripping(beginning: bytes, drop: bytes) -> AsyncIterator[Dripping]:
    made = Dripping(beginning, drop)
    async with await asyncio.start_server(made, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


ENDLESS_HEAD = (b"HTTP/1.1 200 OK\r\nx: ", b"x")
ENDLESS_LINE = (b"HTTP/1.1 ", b"2")
INTERIM = (b"", b"HTTP/1.1 102 Processing\r\n\r\n")
REFUSAL = (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 60000\r\n\r\n", b" ")
REFUSAL_IN_CHUNKS = (b"HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n")
BODY = (b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", b" ")
BODY_IN_CHUNKS = (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n")


@pytest.mark.parametrize("call", [follow, fetch, report])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(ENDLESS_LINE, id="a first line"),
        pytest.param(ENDLESS_HEAD, id="a head"),
        pytest.param(INTERIM, id="answers before the answer"),
        pytest.param(REFUSAL, id="a refusal"),
        pytest.param(REFUSAL_IN_CHUNKS, id="a refusal in chunks"),
    ],
)
async def test_an_answer_that_drips_is_given_up(call: Call, said: tuple[bytes, bytes]) -> None:
    async with dripping(*said) as hop:
        await given_up(call, hop)


@pytest.mark.parametrize("call", [fetch, report])
@pytest.mark.parametrize("said", [pytest.param(BODY, id="sized"), pytest.param(BODY_IN_CHUNKS, id="in chunks")])
async def test_a_body_that_drips_is_given_up(call: Call, said: tuple[bytes, bytes]) -> None:
    async with dripping(*said) as hop:
        await given_up(call, hop)


async def test_a_stream_that_has_begun_may_last() -> None:
    async with dripping(b"HTTP/1.1 200 OK\r\n\r\n", b": still here\n\n") as hop:
        upstream = Upstream(hop.url, lambda: "token", answer_seconds=SOON)
        begun = asyncio.get_running_loop().time()
        async with upstream.stream({}, lambda: None) as chunks:
            while asyncio.get_running_loop().time() < begun + 2 * SOON:
                assert await anext(chunks)
        await upstream.close()


async def test_a_follower_of_a_hop_that_drips_says_so_and_asks_again() -> None:
    scribe, observed = Scribe(), Observed()
    async with dripping(*REFUSAL) as hop:
        upstream = Upstream(hop.url, lambda: "token", answer_seconds=SOON)
        follower = Follower(upstream, scribe.verifier, Store(), observer=observed)
        running = asyncio.create_task(follower.run())
        await until(lambda: hop.asked >= 3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert set(observed.disconnections) == {reasons.UNREACHABLE}
    assert follower.problem == f"{reasons.UNREACHABLE}: timeout (the answer does not end)"


async def given_up(call: Call, hop: Dripping) -> None:
    """Check that a call of the hop ends, saying why, long before the hop does."""
    upstream = Upstream(hop.url, lambda: "token", answer_seconds=SOON)

    with pytest.raises(Disconnected) as ended:
        async with asyncio.timeout(connection.READ_SECONDS):
            await call(upstream)
    await upstream.close()

    assert (ended.value.reason, ended.value.detail) == (reasons.UNREACHABLE, "timeout (the answer does not end)")


async def test_no_proxy_of_the_environment_is_shown_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with dripping(b"HTTP/1.1 200 OK\r\n\r\n", b": still here\n\n") as hop:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        upstream = Upstream(hop.url.replace("127.0.0.1", "localhost"), lambda: "token", answer_seconds=5)

        await follow(upstream)

        assert hop.asked == 1
        await upstream.close()
