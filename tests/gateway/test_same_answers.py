"""Whatever is asked, a gateway answers as a sidecar does: the same status, the same words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.gateway import GatewayClient, gateway_over
from tests.support.sidecar import Sidecar, sidecars, write
from tests.support.typical import MANIFESTS

OWN = ("source", "age_seconds", "processing_time_ms", "render_id", "position", "dependencies")
"""What says where an answer comes from, or when."""
ECHO, TYPED = "/v1/prompts/echo/render", "/v1/prompts/typed/render"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sidecar, GatewayClient]]:
    """A sidecar and a gateway with the same prompts."""
    directory = tmp_path_factory.mktemp("prompts")
    write(directory / "prompts.yaml", *MANIFESTS)
    with gateway_over(directory) as client:
        for start in sidecars():
            yield start(directory), client


def said(answer: httpx.Response) -> tuple[int, object]:
    """What a caller can tell one answer from another by."""
    body: Any = answer.json() if answer.content else None
    return answer.status_code, {k: v for k, v in body.items() if k not in OWN} if isinstance(body, dict) else body


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        pytest.param("POST", ECHO, body(variables={"text": "Ada"}), id="a render"),
        pytest.param("POST", ECHO, body(variables={"text": "{{ 7 }} ‮"}), id="a refused character"),
        pytest.param("POST", ECHO, body(variables={"text": "x" * 40_000}), id="a large body"),
        pytest.param("POST", ECHO, body(variables={}), id="a missing variable"),
        pytest.param("POST", ECHO, body(variables={"text": "a", "more": 1}), id="a variable too many"),
        pytest.param("POST", ECHO, body(variables={"text": "a", "more": 1}, strict=True), id="strict"),
        pytest.param("POST", ECHO, b"{", id="no JSON"),
        pytest.param("POST", ECHO, b'{"variables":{"text":"a","text":"b"}}', id="a key twice"),
        pytest.param("POST", ECHO, b"x" * (1024 * 1024 + 1), id="too large"),
        pytest.param("POST", TYPED, body(variables={"word": "toolong", "count": 11, "ratio": "1"}), id="wrong types"),
        pytest.param("POST", "/v1/prompts/chat/render", body(variables={"text": "hi"}), id="messages"),
        pytest.param(
            "POST", "/v1/prompts/chat/render", body(variables={"text": "hi"}, format="openai", model_name="m"), id="a form"
        ),
        pytest.param("POST", "/v1/prompts/many/render", body(variables={"text": "x" * 9000}), id="too much output"),
        pytest.param("POST", "/v1/prompts/two/render", body(version="1.1.0"), id="a version"),
        pytest.param("POST", "/v1/prompts/two/render", body(version="9.9.9"), id="no such version"),
        pytest.param("POST", "/v1/prompts/off/render", body(), id="switched off"),
        pytest.param("POST", "/v1/prompts/none/render", body(), id="no such prompt"),
        pytest.param("POST", "/v1/prompts/other%2Fx/render", body(), id="an id with a slash"),
        pytest.param("GET", "/v1/prompts", b"", id="the list"),
        pytest.param("GET", "/v1/prompts/echo", b"", id="a prompt"),
        pytest.param("GET", "/v1/prompts/two/versions", b"", id="its versions"),
        pytest.param("GET", "/v1/prompts/two/versions/1.1.0", b"", id="a version of it"),
        pytest.param("GET", "/v1/health", b"", id="health"),
        pytest.param("GET", "/openapi.json", b"", id="the interface"),
        pytest.param("GET", "/", b"", id="a welcome"),
        pytest.param("GET", "/v1/nothing", b"", id="no route"),
        pytest.param("GET", ECHO, b"", id="another method"),
        pytest.param("GET", "/v1/prompts?namespace=team-a", b"", id="a query"),
        pytest.param("GET", "/v1/stream", b"", id="the feed"),
        pytest.param("GET", "/metrics", b"", id="metrics"),
        pytest.param("GET", "/v1/prompts/two/diff?from=1.0.0&to=1.1.0", b"", id="a difference"),
        pytest.param("POST", "/v1/render/batch", b"{}", id="a batch that is none"),
    ],
)  # fmt: skip
def test_a_gateway_answers_as_a_sidecar(
    both: tuple[Sidecar, GatewayClient], method: str, path: str, content: bytes
) -> None:
    sidecar, gateway = both

    answers = [each.http.request(method, f"{each.url}{path}", content=content) for each in (sidecar, gateway)]

    assert said(answers[0]) == said(answers[1])
