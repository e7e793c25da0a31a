"""Every odd and hostile exchange on every listener of a real sidecar: an answer that is the caller's fault or none, and the
next good render is right."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.support.sidecar import Sidecar
from tests.web.exchanges import EXCHANGES, SMUGGLED, Exchange, answers

RENDER = b"/v1/prompts/echo/render"
LISTENERS = ("data", "socket", "operations")
LONGEST_SECONDS = 20.0
"""All of a listener's own deadlines together, on a busy machine."""


def sent_by(exchange: Exchange, listener: str) -> bytes:
    """Return the exchange with a path that the listener has, and a body of the same length that is JSON."""
    path = b"/metrics" if listener == "operations" else RENDER
    return exchange.sent.replace(b"/echo", path).replace(b"body", b"{  }")


def connected(sidecar: Sidecar, listener: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX if listener == "socket" else socket.AF_INET)
    connection.settimeout(LONGEST_SECONDS)
    port = sidecar.port if listener == "data" else sidecar.operations_port
    connection.connect(str(sidecar.socket) if listener == "socket" else ("127.0.0.1", port))
    return connection


def answered(sidecar: Sidecar, listener: str, sent: bytes, *, half_close: bool = True) -> bytes:
    """Return everything that comes until the server hangs up. Raises TimeoutError when it does not."""
    received = b""
    with connected(sidecar, listener) as connection, suppress(ConnectionError):
        with suppress(ConnectionError):
            connection.sendall(sent)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize("listener", LISTENERS)
def test_an_exchange_is_the_callers_fault_and_nobody_elses(sidecar: Sidecar, listener: str) -> None:
    wrong = {}
    # What is too large for the table's own application is not for others, and then what follows is a request.
    for exchange in (each for each in EXCHANGES if 413 not in each.statuses):
        got = tuple(status for status, _ in answers(answered(sidecar, listener, sent_by(exchange, listener))))
        refused_alike = exchange.statuses not in ((400,), (415,), (417,)) or got == exchange.statuses
        if any(status >= 500 for status in got) or len(got) > len(exchange.statuses) or not refused_alike:
            wrong[exchange.name] = got

    assert wrong == {}
    assert sidecar.render("echo", {"text": "next"}).json()["rendered_content"] == "<next>"


@pytest.mark.parametrize("listener", LISTENERS)
def test_who_hangs_up_at_once_disturbs_nobody(sidecar: Sidecar, listener: str) -> None:
    for exchange in EXCHANGES:
        with connected(sidecar, listener) as connection, suppress(ConnectionError):
            connection.sendall(sent_by(exchange, listener)[:40_000])

    assert sidecar.render("echo", {"text": "next"}).json()["rendered_content"] == "<next>"


@pytest.mark.parametrize("listener", LISTENERS)
def test_who_says_nothing_more_is_left(sidecar: Sidecar, listener: str) -> None:
    path = b"/metrics" if listener == "operations" else RENDER
    head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
    silent = (
        b"",
        b"\r\n",
        b"P",
        head[:-2],
        head + b"X: ",
        head + b"Content-Length: 4\r\n\r\n{",
        head + b"Transfer-Encoding: chunked\r\n\r\n4\r\n{",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        SMUGGLED[:-1],
    )

    with ThreadPoolExecutor(len(silent)) as callers:
        heard = list(callers.map(lambda sent: answered(sidecar, listener, sent, half_close=False), silent))

    assert {status for answer in heard for status, _ in answers(answer)} <= {400, 405, 408}
    assert sidecar.render("echo", {"text": "next"}).json()["rendered_content"] == "<next>"
