"""Bodies that mean two things, or nothing, or too much: a problem each, and the next good render is right."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.support.sidecar import Sidecar

LIMIT = 1024 * 1024


def body(variables: str) -> bytes:
    return b'{"variables": {' + variables.encode() + b"}}"


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        pytest.param(body(r'"text": "\ud800"'), "the body is not JSON: Input data was truncated", id="V09 lone surrogate at the end"),
        pytest.param(body(r'"text": "\udc00x"'), None, id="V09 lone low surrogate"),
        pytest.param(b'{"variables": {"text": "\xff"}}', "the body is not UTF-8", id="V10 invalid UTF-8"),
        pytest.param(b'{"variables": {"text": "\xed\xa0\x80"}}', "the body is not UTF-8", id="V10 encoded surrogate"),
        pytest.param('{"variables": {"text": "x"}}'.encode("utf-16"), None, id="V10 UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + body('"text": "x"'), None, id="byte order mark"),
        pytest.param(body('"text": NaN'), None, id="V11 NaN"),
        pytest.param(body('"text": -Infinity'), None, id="V11 Infinity"),
        pytest.param(body('"text": ' + "1" * 100_000), "the body is not what is expected: Integer value out of range - at `$.variables[...]`", id="V11 digits"),
        pytest.param(body('"text": 1e999'), "the body is not what is expected: Number out of range - at `$.variables[...]`", id="V11 exponent"),
        pytest.param(body('"text": ' + "[" * 100_000), "the body is nested too deeply", id="V12 lists"),
        pytest.param(body('"x": ' + '{"a":' * 40_000), "the body is nested too deeply", id="V12 objects"),
        pytest.param(body('"x": [' + "{}," * 50_000 + "{}]"), "the body has more than 50000 objects", id="V12 objects side by side"),
        pytest.param(body('"x": [' + '{"a": 1, "b": 2},' * 26_000 + "{}]"), "the body has more than 50000 keys", id="V12 keys"),
        pytest.param(body('"text": ' + "[" * 900 + "]" * 900 + ', "x": 1'), None, id="V12 within the parser's limit"),
        pytest.param(body('"text": "a", "text": "b"'), "the body has the same key twice in one object", id="V13 variables"),
        pytest.param(b'{"variables": {"text": "a"}, "variables": {}}', "the body has the same key twice in one object", id="V13 fields"),
        pytest.param(body('"text": "a", "x": {"b": 1, "b": 2}'), "the body has the same key twice in one object", id="V13 nested"),
        pytest.param(body(r'"text": "a", "te\u0078t": "b"'), "the body has the same key twice in one object", id="V13 escaped"),
        pytest.param(body(", ".join(f'"v{n}": 1' for n in range(100_000))[:1_000_000].rpartition(",")[0]), None, id="V14 variables"),
        pytest.param(body(", ".join(f'"v{n}": 1' for n in range(1001))), "there are 1001 variables; at most 1000 are allowed", id="V14 1001"),
        pytest.param(b'{"variabels": {}}', "the body is not what is expected: Object contains unknown field `variabels`", id="unknown field"),
        pytest.param(b'{"name": "Ada"}', 'the body is not what is expected: Object contains unknown field `name`; variables stand under "variables": {"variables": {\'name\': …}}', id="variables as the body"),
        pytest.param(b'{"variables": []}', "the body is not what is expected: Expected `object`, got `array` - at `$.variables`", id="variables as a list"),
        pytest.param(b'{"variables": {}, "strict": "yes"}', "the body is not what is expected: Expected `bool`, got `str` - at `$.strict`", id="strict as a string"),
        pytest.param(b"[]", "the body is not what is expected: Expected `object`, got `array`", id="a list"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"{} {}", None, id="two values"),
        pytest.param(b"text=x", None, id="a form"),
        pytest.param(b"\x00", None, id="NUL"),
    ],
)  # fmt: skip
def test_a_body_is_read_strictly(sidecar: Sidecar, sent: bytes, detail: str | None) -> None:
    answer = sidecar.post("echo", sent)

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    assert detail is None or answer.json()["detail"] == detail
    assert sidecar.render("echo", {"text": "next"}).json()["rendered_content"] == "<next>"


def test_a_body_up_to_the_limit_is_taken(sidecar: Sidecar) -> None:
    frame = len(json.dumps({"variables": {"text": ""}}))

    answer = sidecar.render("echo", {"text": "x" * (LIMIT - frame - 10)})

    assert answer.status_code == 200


def test_a_long_name_is_not_repeated(sidecar: Sidecar) -> None:
    answer = sidecar.post("echo", json.dumps({"x" * 100_000: 1}).encode())

    assert answer.status_code == 400
    assert len(answer.content) < 500


def test_an_empty_body_renders_without_variables(sidecar: Sidecar) -> None:
    answer = sidecar.post("secret", b"")

    assert answer.json()["rendered_content"] == "canary-of-the-secret-prompt"


def test_a_declared_length_beyond_the_limit_is_refused_before_the_body_is_sent(sidecar: Sidecar) -> None:
    head = b"POST /v1/prompts/echo/render HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n"

    answer = sidecar.raw(head)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b'"code":"RequestTooLarge"' in answer


def test_a_client_that_asks_first_is_not_told_to_go_on(sidecar: Sidecar) -> None:
    head = b"POST /v1/prompts/echo/render HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"

    answer = sidecar.raw(head)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_v15_a_chunked_body_is_refused_as_soon_as_it_exceeds_the_limit(sidecar: Sidecar) -> None:
    head = b"POST /v1/prompts/echo/render HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"

    # The last chunk, which would end the body, is never sent.
    answer = sidecar.raw(head + chunk * 20)

    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "encoding", [pytest.param(each, id=f"V16 {each}") for each in ("gzip", "br", "identity, gzip")]
)
def test_an_encoded_body_is_refused(sidecar: Sidecar, encoding: str) -> None:
    answer = sidecar.post("echo", gzip.compress(b" " * LIMIT * 10), headers={"content-encoding": encoding})

    assert answer.status_code == 415
    assert answer.json()["code"] == "UnsupportedEncoding"
