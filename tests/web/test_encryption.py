"""A listener that speaks TLS: nothing else is understood, and its certificate is renewed under it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from promptops.web.answers import Answer, TakenRequest
from promptops.web.certificates import Authority, Identity, valid_until
from promptops.web.encryption import Encryption
from promptops.web.requests import Head
from promptops.web.server import Listener, Server
from tests.support.serving import Counted, Served, loopback

NOW = datetime.now(UTC)
ROOT, OTHER_ROOT = Authority("one", NOW), Authority("two", NOW)


def certificate(root: Authority, life: timedelta = timedelta(hours=1)) -> Identity:
    return root.server("feed", ("127.0.0.1",), ("localhost",), life)


def believing(*roots: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata="".join(root.certificate.decode() for root in roots))


def answer(_head: Head) -> TakenRequest:
    return TakenRequest(lambda body: Answer(200, b"heard " + body))


@pytest.fixture
def encryption() -> Encryption:
    return Encryption(certificate(ROOT))


@pytest.fixture
async def encrypted(encryption: Encryption) -> AsyncIterator[Served]:
    bound = loopback()
    counted = Counted()
    server = Server(Listener("test", bound, answer, encryption=encryption), counted, 1.0)
    port = bound.getsockname()[1]
    await server.start()
    yield Served(port, counted, server)
    await server.stop()


async def test_whoever_believes_the_authority_is_answered(encrypted: Served) -> None:
    async with httpx.AsyncClient(verify=believing(OTHER_ROOT, ROOT)) as client:
        answered = await client.post(f"https://localhost:{encrypted.port}/", content=b"x" * 60_000)

    assert answered.content == b"heard " + b"x" * 60_000


@pytest.mark.parametrize(
    ("scheme", "roots"),
    [
        pytest.param("https", (OTHER_ROOT,), id="another authority is believed"),
        pytest.param("http", (ROOT,), id="clear text"),
    ],
)
async def test_nobody_else_is(encrypted: Served, scheme: str, roots: tuple[Authority, ...]) -> None:
    async with httpx.AsyncClient(verify=believing(*roots)) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"{scheme}://localhost:{encrypted.port}/")


async def test_a_certificate_is_renewed_without_a_dropped_connection(encrypted: Served, encryption: Encryption) -> None:
    url = f"https://localhost:{encrypted.port}/"
    async with (
        httpx.AsyncClient(verify=believing(ROOT)) as early,
        httpx.AsyncClient(verify=believing(OTHER_ROOT)) as late,
    ):
        await early.get(url)

        encryption.renew(certificate(OTHER_ROOT))

        assert (await early.get(url)).is_success, "on the connection that was open"
        assert (await late.get(url)).is_success
        assert encrypted.counted.open == 2


def test_a_certificate_does_not_outlive_its_authority() -> None:
    brief = Authority("brief", NOW, timedelta(minutes=2))

    assert valid_until(certificate(brief).certificate) == valid_until(brief.certificate)


def test_a_certificate_and_the_key_of_another_are_refused(encryption: Encryption) -> None:
    mixed = Identity(certificate(ROOT).certificate, certificate(ROOT).key)

    with pytest.raises(ValueError, match="no server's certificate and key"):
        encryption.renew(mixed)


async def test_callers_that_never_agree_on_anything_keep_nobody_out(encrypted: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", encrypted.port)) for _ in range(50)]
    try:
        async with httpx.AsyncClient(verify=believing(ROOT)) as client:
            answered = await asyncio.wait_for(client.get(f"https://localhost:{encrypted.port}/"), 5)
    finally:
        for each in silent:
            each.close()

    assert answered.is_success
