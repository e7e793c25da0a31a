"""Who is answered, under which path, and that no path leads to another prompt."""

from __future__ import annotations

import json

import msgspec
import pytest

from promptops.api.http import REQUEST_ID_HEADER
from promptops.sidecar import openapi
from promptops.sidecar.routes import OF_THE_FEED, Action, route_of
from tests.support.sidecar import Sidecar
from tests.web import redbot


def answer_of(received: bytes) -> tuple[int, bytes]:
    head, _, rest = received.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), rest


@pytest.mark.parametrize(
    ("path", "rendered"),
    [
        pytest.param("other/x", "canary-of-the-secret-prompt", id="an id with a slash"),
        pytest.param("other%2Fx", "canary-of-the-secret-prompt", id="the slash encoded"),
        pytest.param("secret", "canary-of-the-secret-prompt", id="the name works too"),
        pytest.param("team%2Frender", "ends in a route", id="an id that ends like a route, encoded"),
        pytest.param("team/render", "ends in a route", id="and as it is: the last segment is the route"),
    ],
)
def test_an_id_is_found(sidecar: Sidecar, path: str, rendered: str) -> None:
    assert sidecar.render(path).json()["rendered_content"] == rendered


def test_the_listener_says_what_is_here(sidecar: Sidecar) -> None:
    welcome = sidecar.get("/").json()

    assert welcome["service"] == "promptops sidecar"
    assert all(sidecar.get(link).status_code == 200 for link in welcome["links"].values())


def test_openapi_names_every_call_and_nothing_else() -> None:
    actions = [route_of(call.path.format(id="a", version="1.0.0")).action for call in openapi.CALLS]

    assert sorted(action.value for action in actions) == sorted(action.value for action in set(Action) - OF_THE_FEED)
    assert all(call.method.upper() in action.methods for call, action in zip(openapi.CALLS, actions, strict=True))


@pytest.mark.parametrize(
    "path", [call.path for call in openapi.CALLS if call.method == "get" and call.answer and not call.lasts]
)
def test_answers_are_what_openapi_says(sidecar: Sidecar, path: str) -> None:
    answer = next(call.answer for call in openapi.CALLS if call.path == path)
    assert answer is not None

    query = "?from=1.0.0&to=1.1.0" if path.endswith("/diff") else ""
    received = sidecar.get(path.format(id="two", version="1.1.0") + query)

    schema = sidecar.get("/openapi.json").json()["components"]["schemas"][answer.__name__]
    assert msgspec.json.decode(received.content, type=answer)
    assert sorted(received.json()) == sorted(schema["properties"])


@pytest.mark.parametrize(
    ("version", "content", "active"),
    [pytest.param("1.0.0", "one", True, id="active"), pytest.param("1.1.0", "two", False, id="another")],
)
def test_a_version_is_read(sidecar: Sidecar, version: str, content: str, active: bool) -> None:
    answer = sidecar.get(f"/v1/prompts/two/versions/{version}")

    assert (answer.json()["content"], answer.json()["active"]) == ({"text": content}, active)
    assert (
        sidecar.get(
            f"/v1/prompts/two/versions/{version}", headers={"If-None-Match": answer.headers["etag"]}
        ).status_code
        == 304
    )


def test_a_version_that_is_not_held_is_told_the_known_ones(sidecar: Sidecar) -> None:
    answer = sidecar.get("/v1/prompts/two/versions/9.9.9")

    assert (answer.status_code, answer.json()["code"]) == (404, "VersionNotFound")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/prompts/echo/..%2f..%2fother/x/render",
        "/v1/prompts/..%2f..%2fother/x/render",
        "/v1/prompts/echo/../secret/render",
        "/v1/prompts/echo/%2e%2e/secret/render",
        "/v1/prompts/./secret/render",
        "/v1/prompts/echo/versions/../../secret",
        "/v1/prompts/echo/versions/..%2f..%2fsecret",
        "/v1/prompts/secret/versions/",
        "/v1/prompts/versions/1.0.0",
        "/openapi.json/",
        "/v1/prompts//secret/render",
        "/v1/prompts/secret//render",
        "/v1/prompts/%2e%2e%2fother%2fx/render",
        "/v1/prompts/other%252Fx/render",
        "/v1/prompts/secret%00/render",
        "/v1/prompts/secret%0d%0ax:y/render",
        "/v1/prompts/SECRET/render",
        "/v1/prompts/%c3%28/render",
        "/v1/prompts/s\\ecret/render",
        "/v1/prompts/secret#/render",
        "/v1/prompts/secret/render/",
        "//v1/prompts/secret/render",
        "/V1/prompts/secret/render",
        "/v1/prompts/" + "a" * 3000 + "/render",
        "http://127.0.0.1/v1/prompts/secret/render",
        "http://evil/v1/prompts/secret/render",
        "*",
        "secret",
    ],
)
def test_no_path_leads_to_another_prompt(sidecar: Sidecar, target: str) -> None:
    request = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"

    status, received = answer_of(sidecar.raw(request.encode()))

    assert 400 <= status < 500
    assert b"canary" not in received
    assert json.loads(received)["status"] == status


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", id="length and chunks"),
        pytest.param(b"Content-Length: 2\r\nContent-Length: 3\r\n", id="two lengths"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n", id="unknown encoding"),
        pytest.param(b"Content-Length : 2\r\n", id="blank before the colon"),
        pytest.param(b"X: a\x00b\r\n", id="NUL in a header"),
    ],
)
def test_smuggling_is_refused(sidecar: Sidecar, head: bytes) -> None:
    smuggled = b"GET /v1/prompts/secret HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = b"POST /v1/prompts/echo/render HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n0\r\n\r\n" + smuggled

    received = sidecar.raw(request)

    assert received.startswith(b"HTTP/1.1 4")
    assert b"canary" not in received
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET /v1/health HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n", id="a long header"),
        pytest.param(
            b"GET /v1/health HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)), id="many headers"
        ),
        pytest.param(b"GET /v1/health?" + b"y" * 40_000 + b" HTTP/1.1\r\n", id="a long target"),
        pytest.param(b"GET /v1/health HTTP/1.1\r\nX: " + b"y" * 40_000, id="a header without end"),
    ],
)
def test_a_head_is_bounded(sidecar: Sidecar, head: bytes) -> None:
    status, received = answer_of(sidecar.raw(head + b"Host: localhost\r\nConnection: close\r\n\r\n"))

    assert status == 400
    assert json.loads(received)["code"] == "InvalidRequest"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"host": "evil.example"}, id="a foreign host"),
        pytest.param({"host": "localhost.evil.example"}, id="a host that begins like ours"),
        pytest.param({"host": "localhost#@evil"}, id="V21 a fragment"),
        pytest.param({"host": "10.0.0.5:8181"}, id="the pod's address"),
        pytest.param({"host": "0x7f.1"}, id="another spelling of loopback"),
        pytest.param({"host": ""}, id="none"),
        pytest.param({"origin": "https://evil.example"}, id="a foreign page"),
        pytest.param({"origin": "null"}, id="a page without origin"),
        pytest.param({"origin": "http://localhost.evil.example"}, id="an origin that begins like ours"),
        pytest.param({"origin": "http://localhost@evil"}, id="an origin with a user"),
    ],
)
def test_rebound_names_and_foreign_pages_are_refused(sidecar: Sidecar, headers: dict[str, str]) -> None:
    answer = sidecar.post("secret", b"{}", headers=headers)

    assert answer.status_code == 403
    assert answer.json()["code"] in ("ForbiddenHost", "ForbiddenOrigin")
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost"},
        {"host": "LOCALHOST:8181"},
        {"host": "127.0.0.1:1"},
        {"host": "[::1]:8181"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1"},
    ],
)
def test_local_names_are_answered(sidecar: Sidecar, headers: dict[str, str]) -> None:
    assert sidecar.post("secret", b"{}", headers=headers).status_code == 200


def test_two_hosts_are_refused(sidecar: Sidecar) -> None:
    request = b"GET /v1/prompts HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n"

    status, _ = answer_of(sidecar.raw(request))

    assert status in (400, 403)


def test_the_socket_takes_any_host_and_no_foreign_page(sidecar: Sidecar) -> None:
    head = b"GET /v1/health HTTP/1.1\r\nConnection: close\r\n"

    assert answer_of(sidecar.raw(head + b"Host: sidecar\r\n\r\n", unix=True))[0] == 200
    assert answer_of(sidecar.raw(head + b"Host: x\r\nOrigin: https://evil\r\n\r\n", unix=True))[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/prompts/echo/render", "POST"),
        ("POST", "/v1/prompts/echo", "GET, HEAD"),
        ("DELETE", "/v1/prompts", "GET, HEAD"),
        ("PUT", "/v1/prompts/echo/versions", "GET, HEAD"),
        ("OPTIONS", "/v1/health", "GET, HEAD"),
        ("TRACE", "/v1/health", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(sidecar: Sidecar, method: str, path: str, allowed: str) -> None:
    answer = sidecar.http.request(method, f"{sidecar.url}{path}")

    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["code"] == "MethodNotAllowed"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v2/prompts", "/metrics", "/v1/prompts/", "/docs", "/v1/stream"])
def test_an_unknown_route_is_a_problem(sidecar: Sidecar, path: str) -> None:
    answer = sidecar.get(path)

    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_not_http_is_refused(sidecar: Sidecar) -> None:
    status, received = answer_of(sidecar.raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"))

    assert status == 400
    assert json.loads(received)["code"] == "InvalidRequest"


def test_an_upgrade_is_ignored(sidecar: Sidecar) -> None:
    headers = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-key": "x", "sec-websocket-version": "13"}

    answer = sidecar.get("/v1/health", headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["echo", "nobody"])
def test_an_answer_says_which_request_it_is_for(sidecar: Sidecar, path: str) -> None:
    answer = sidecar.post(path, b'{"variables": {"text": "x"}}', headers={REQUEST_ID_HEADER: "a-1._Z"})

    assert answer.headers[REQUEST_ID_HEADER] == "a-1._Z"


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "\u00e4"])
def test_what_is_no_request_id_does_not_come_back(sidecar: Sidecar, sent: str) -> None:
    answer = sidecar.post("echo", b'{"variables": {"text": "x"}}', headers={REQUEST_ID_HEADER: sent.encode()})

    assert answer.is_success
    assert REQUEST_ID_HEADER not in answer.headers


def test_redbot_looks_at_every_call() -> None:
    asked = (path.partition("?")[0] for path in (*redbot.DATA, *redbot.ENDLESS) if path != "/nowhere")

    assert {route_of(path).action for path in asked} == set(Action) - OF_THE_FEED
