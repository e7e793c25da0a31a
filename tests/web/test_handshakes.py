"""TLS connections that are accepted and agree on nothing: bounded, counted, and in nobody's way. In both event loops."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from promptops.web import limits
from promptops.web.answers import Answer, TakenRequest
from promptops.web.certificates import Authority, Identity
from promptops.web.encryption import Encryption
from promptops.web.limits import Limits
from promptops.web.requests import Head
from promptops.web.server import Listener, Server
from tests.support.serving import Counted, Served, loopback
from tests.support.waiting import SECONDS, until

ROOT, OTHER_ROOT = (Authority(name, datetime.now(UTC)) for name in ("one", "two"))
CROWDED = Limits(connections=40, crowded_handshake_seconds=0.1)
"""Twenty may agree at once."""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Loops = Callable[[], asyncio.AbstractEventLoop]
Case = Callable[[], Awaitable[None]]

both_loops = pytest.mark.parametrize(
    "loops", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


def certificate(root: Authority) -> Identity:
    return root.server("feed", ("127.0.0.1",), ("localhost",))


def believing(root: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=root.certificate.decode())


def answer(_head: Head) -> TakenRequest:
    return TakenRequest(lambda _: Answer(200, b"heard"))


@asynccontextmanager
async def encrypted(limits: Limits, encryption: Encryption | None = None) -> AsyncIterator[Served]:
    counted, bound = Counted(), loopback()
    encryption = encryption or Encryption(certificate(ROOT))
    server = Server(Listener("test", bound, answer, limits, encryption), counted, 1.0)
    port = bound.getsockname()[1]
    await server.start()
    try:
        yield Served(port, counted, server)
    finally:
        await server.stop()


async def ask(port: int, root: Authority = ROOT) -> bytes:
    """Return the answer that somebody gets who agrees on TLS."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("localhost", port, ssl=believing(root))
        try:
            writer.write(REQUEST)
            return await reader.readuntil(b"heard")
        finally:
            writer.transport.abort()


def hello() -> bytes:
    """Return what a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = believing(ROOT).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@contextmanager
def callers(port: int, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connect so many that send nothing more."""
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            made.append(stack.enter_context(socket.create_connection(("127.0.0.1", port))))
            made[-1].sendall(sent)
        yield made


def descriptors() -> int:
    """Return how many sockets this process has."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            found += os.readlink(each).startswith("socket:")
        except FileNotFoundError:
            continue  # the listing's own
    return found


def run(loops: Loops, case: Case) -> None:
    """Run a case; nothing may reach the loop's handler of exceptions."""
    unhandled: list[dict[str, Any]] = []

    async def handled() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        await case()

    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(handled())
    assert unhandled == []


BEGINNINGS = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\x16\x03\x01\x02\x00", id="a few bytes"),
    pytest.param(hello()[:-1], id="all but the last byte of a greeting"),
    pytest.param(hello(), id="a greeting, and no answer to ours"),
]


@both_loops
@pytest.mark.parametrize("sent", BEGINNINGS)
def test_those_that_never_agree_are_bounded_and_who_agrees_is_answered(loops: Loops, sent: bytes) -> None:
    async def case() -> None:
        async with encrypted(CROWDED) as running:
            before = descriptors()
            with callers(running.port, 150, sent):
                await until(lambda: running.counted.open == CROWDED.handshakes)
                held = []
                for _ in range(5):
                    assert (await ask(running.port)).startswith(b"HTTP/1.1 200")
                    held.append(descriptors() - before - 150)

                await until(lambda: running.counted.ended[limits.TOO_MANY] >= 100)
                assert max(held) <= CROWDED.handshakes + 24
            await until(lambda: running.counted.open == 0)
            await until(lambda: descriptors() == before)

    run(loops, case)


@both_loops
def test_a_handshake_that_is_crowded_by_nobody_may_take_its_time(loops: Loops) -> None:
    async def case() -> None:
        roomy = replace(CROWDED, handshake_seconds=1.0, crowded_handshake_seconds=0.01)
        async with encrypted(roomy) as running:
            with callers(running.port, roomy.handshakes):
                await until(lambda: running.counted.open == roomy.handshakes)
                await until(lambda: running.counted.open == 0)

                assert running.counted.ended == {limits.HANDSHAKE_TIMEOUT: roomy.handshakes}

    run(loops, case)


@both_loops
def test_many_that_agree_at_once_push_nobody_out(loops: Loops) -> None:
    async def case() -> None:
        async with encrypted(replace(CROWDED, connections=200, crowded_handshake_seconds=SECONDS)) as running:
            answers = await asyncio.gather(*(ask(running.port) for _ in range(180)))

            assert len(answers) == 180
            assert not running.counted.ended

    run(loops, case)


@both_loops
@pytest.mark.parametrize("sent", [pytest.param(REQUEST, id="clear text"), pytest.param(os.urandom(2000), id="noise")])
def test_a_caller_that_speaks_otherwise_leaves_nothing_behind(loops: Loops, sent: bytes) -> None:
    async def case() -> None:
        async with encrypted(CROWDED) as running:
            before = descriptors()
            with callers(running.port, 10, sent):
                await until(lambda: running.counted.ended == {limits.HANDSHAKE_FAILED: 10})
                await until(lambda: descriptors() == before + 10)

            assert running.counted.open == 0

    run(loops, case)


@both_loops
def test_a_caller_that_hangs_up_is_not_counted_as_ended(loops: Loops) -> None:
    async def case() -> None:
        async with encrypted(CROWDED) as running:
            before = descriptors()
            with callers(running.port, 10):
                await until(lambda: running.counted.open == 10)
            await until(lambda: running.counted.open == 0)

            assert not running.counted.ended
            await until(lambda: descriptors() == before)

    run(loops, case)


@both_loops
def test_a_certificate_is_renewed_while_others_never_agree(loops: Loops) -> None:
    async def case() -> None:
        encryption = Encryption(certificate(ROOT))
        async with encrypted(CROWDED, encryption) as running:
            with callers(running.port, 100):
                await ask(running.port, ROOT)

                encryption.renew(certificate(OTHER_ROOT))

                assert await ask(running.port, OTHER_ROOT)
                with pytest.raises(ssl.SSLError):
                    await ask(running.port, ROOT)

    run(loops, case)


@both_loops
@pytest.mark.parametrize("sent", BEGINNINGS)
def test_a_server_that_ends_waits_for_nobody_who_has_not_agreed(loops: Loops, sent: bytes) -> None:
    async def case() -> None:
        before = descriptors()
        async with encrypted(replace(CROWDED, crowded_handshake_seconds=SECONDS)) as running:
            with callers(running.port, 30, sent) as silent:
                await until(lambda: running.counted.open == CROWDED.handshakes)

                async with asyncio.timeout(0.9):
                    await running.server.stop()

                await until(lambda: descriptors() == before + len(silent))
                assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    run(loops, case)


@both_loops
def test_whoever_gives_way_holds_no_descriptor_though_it_never_hangs_up(loops: Loops) -> None:
    """Over TLS a server that closes waits for the other side, unless it does not care to."""

    async def case() -> None:
        async with encrypted(CROWDED) as running:
            before = descriptors()
            idle = []
            for _ in range(CROWDED.connections + 30):
                caller = await asyncio.to_thread(_keep_alive, running.port)
                idle.append(caller)

            await until(lambda: descriptors() - before - len(idle) <= CROWDED.connections, within=5)
            assert idle[0].recv(1) == b"", "it is told so properly"
            for caller in idle:
                caller.close()

    run(loops, case)


def _keep_alive(port: int) -> ssl.SSLSocket:
    caller = believing(ROOT).wrap_socket(
        socket.create_connection(("127.0.0.1", port)), server_hostname="localhost", suppress_ragged_eofs=False
    )
    caller.sendall(REQUEST)
    assert b"200" in caller.recv(4096)
    return caller
