"""An answer as it may come over a connection: in whatever pieces, complete or not at all, and to this question alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from promptops.api.limits import MAX_HEAD_BYTES
from promptops.client.exchange import (
    MAX_ANSWER_BYTES,
    NoAnswer,
    NotTheAnswer,
    Reading,
    Response,
    question,
)
from tests.support.growth import Work, assert_linear

ID = "promptops-request-id: 7"


def raw(*headers: str, status: str = "200 OK", body: bytes = b"") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode("latin-1") + body


def read(data: bytes, *, size: int = sys.maxsize, first: bool = True) -> Response:
    """Return the answer that comes in pieces of this size, before the connection is closed."""
    reading = Reading("7", first)
    for begin in range(0, len(data), size):
        if response := reading.feed(data[begin : begin + size]):
            return response
    return reading.end()


def test_a_question() -> None:
    asked = question("localhost", "POST", "/v1/x", b"{}", "7")

    head, _, body = asked.data.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /v1/x HTTP/1.1",
        b"host: localhost",
        b"accept: application/json",
        b"promptops-request-id: 7",
        b"content-type: application/json",
        b"content-length: 2",
    ]
    assert body == b"{}"


@pytest.mark.parametrize("size", [1, 2, 3, 7, sys.maxsize], ids=lambda size: f"in pieces of {size}")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(raw(ID, "Content-Length: 2", body=b"ok"), Response(200, b"ok", None, True), id="with a length"),
        pytest.param(raw(ID, "content-length:0"), Response(200, b"", None, True), id="empty"),
        pytest.param(
            raw(ID, "Content-Length: 2", "Connection: close", body=b"ok"), Response(200, b"ok"), id="and then no more"
        ),
        pytest.param(
            raw(ID, "Transfer-Encoding: chunked", body=b"1\r\na\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"),
            Response(200, b"a0123456789", None, True),
            id="in chunks",
        ),
        pytest.param(raw(ID, body=b"until the end"), Response(200, b"until the end"), id="until the end"),
        pytest.param(
            raw(status="100 Continue") + raw(status="103 Hints") + raw(ID, "Content-Length: 1", body=b"x"),
            Response(200, b"x", None, True),
            id="after interim answers",
        ),
        pytest.param(
            raw(ID, "Content-Length: 0", "Retry-After: 7", status="503"), Response(503, b"", "7", True), id="a refusal"
        ),
        pytest.param(raw("Content-Length: 0", status="413 X"), Response(413, b""), id="a refusal of the connection"),
        pytest.param(
            b"HTTP/1.0 200 OK\r\n" + raw(ID, "Content-Length: 1", body=b"x").partition(b"\r\n")[2],
            Response(200, b"x"),
            id="of an older server",
        ),
        pytest.param(raw(ID, status="204 No Content"), Response(204, b"", None, True), id="without a body"),
    ],
)
def test_an_answer(data: bytes, expected: Response, size: int) -> None:
    assert read(data, size=size) == expected


@pytest.mark.parametrize("size", [1, sys.maxsize], ids=lambda size: f"in pieces of {size}")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(raw("promptops-request-id: 8", "Content-Length: 0"), id="to another question"),
        pytest.param(raw("promptops-request-id: 8", "Content-Length: 0", status="404 X"), id="a refusal of another"),
        pytest.param(raw("Content-Length: 0"), id="to no question"),
        pytest.param(raw(ID, "promptops-request-id: 8", "Content-Length: 0"), id="to two questions"),
        pytest.param(raw(ID, "Content-Length: 1", "Content-Length: 2", body=b"xx"), id="of two lengths"),
        pytest.param(raw(ID, "Content-Length: 1, 1", body=b"x"), id="of a list of lengths"),
        pytest.param(raw(ID, "Content-Length: -1"), id="of a negative length"),
        pytest.param(raw(ID, "Content-Length: +1", body=b"x"), id="of a signed length"),
        pytest.param(raw(ID, "Content-Length: \u00b2", body=b"x"), id="of a length that is no number"),
        pytest.param(raw(ID, f"Content-Length: {MAX_ANSWER_BYTES + 1}"), id="of a length beyond all"),
        pytest.param(raw(ID, "Content-Length: " + "0" * 5000), id="of a length of 5,000 digits"),
        pytest.param(raw(ID, "Content-Length: 1", "Transfer-Encoding: chunked", body=b"x"), id="of two forms"),
        pytest.param(raw(ID, "Transfer-Encoding: gzip", body=b"x"), id="of an unknown form"),
        pytest.param(raw(ID, "Content-Encoding: gzip", "Content-Length: 1", body=b"x"), id="compressed"),
        pytest.param(raw(ID, "Transfer-Encoding: chunked", body=b"zz\r\n"), id="a chunk without length"),
        pytest.param(raw(ID, "Transfer-Encoding: chunked", body=b"1\r\nxyz\r\n"), id="a longer chunk than said"),
        pytest.param(raw(ID, "Transfer-Encoding: chunked", body=b"1" * 300), id="an endless length of a chunk"),
        pytest.param(raw(ID, "a b: c", "Content-Length: 0"), id="a header with a blank in its name"),
        pytest.param(raw(ID, " folded", "Content-Length: 0"), id="a folded header"),
        pytest.param(raw(ID, "nothing", "Content-Length: 0"), id="a header without a colon"),
        pytest.param(raw(ID, "a: b\nc: d", "Content-Length: 0"), id="a bare line feed"),
        pytest.param(raw(ID, "a: " + "x" * MAX_HEAD_BYTES), id="a head beyond all"),
        pytest.param(raw(status="101 Switching Protocols"), id="another protocol"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="another version"),
        pytest.param(b"\x00\x01", id="no HTTP"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="somebody else"),
    ],
)
def test_what_is_not_the_answer(data: bytes, size: int) -> None:
    with pytest.raises(NotTheAnswer):
        read(data, size=size)


def test_a_refusal_without_an_id_is_for_the_first_question_alone() -> None:
    refusal = raw("Content-Length: 0", status="408 X")

    with pytest.raises(NotTheAnswer):
        read(refusal, first=False)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200", id="half a head"),
        pytest.param(raw(ID, "Content-Length: 3", body=b"ok"), id="half a body"),
        pytest.param(raw(ID, "Transfer-Encoding: chunked", body=b"1\r\na\r\n"), id="chunks without an end"),
    ],
)
def test_an_answer_that_is_cut_off(data: bytes) -> None:
    with pytest.raises(NoAnswer):
        read(data)


def test_a_connection_that_said_more_is_not_used_again() -> None:
    response = read(raw(ID, "Content-Length: 1", body=b"xHTTP/1.1 200 OK"))

    assert (response.body, response.reusable) == (b"x", False)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda n: raw(ID, f"Content-Length: {n}", body=b"x" * n), id="one body"),
        pytest.param(
            lambda n: raw(ID, "Transfer-Encoding: chunked", body=b"1\r\nx\r\n" * (n // 6) + b"0\r\n\r\n"), id="chunks"
        ),
        pytest.param(
            lambda n: raw(ID, "Transfer-Encoding: chunked", body=b"%x\r\n" % n + b"\n" * n), id="a long chunk"
        ),
        pytest.param(lambda n: raw(ID, body=b"\r\n" * (n // 2)), id="until the end"),
    ],
)
def test_work_grows_with_what_came(data: Callable[[int], bytes]) -> None:
    def work(size: int) -> Work:
        sent = data(size)

        def take() -> None:
            with suppress(NoAnswer):
                read(sent, size=100)

        return take

    assert_linear(work, 400_000)


def test_a_head_full_of_blanks_is_read_at_once() -> None:
    def work(size: int) -> Work:
        sent = raw(ID, "a:" + " " * size + "x", "Content-Length: 0")
        return lambda: [read(sent) for _ in range(100)]

    assert_linear(work, MAX_HEAD_BYTES // 3)
