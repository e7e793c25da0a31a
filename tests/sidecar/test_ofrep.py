"""Prompts as flags: OpenFeature's own provider gets values, variants, reasons and errors from a sidecar."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from promptops.api.http import MAX_REQUEST_BYTES
from promptops.cache.store import Store
from promptops.cache.view import View
from tests.support.answering import data_app, view_of
from tests.support.manifests import manifest, sourced, version
from tests.support.plain import NO_TLS
from tests.support.serving import served

NAME: dict[str, Any] = {"name": "name", "type": "string"}
COUNT: dict[str, Any] = {"name": "count", "type": "integer", "default": 1}
ADA = EvaluationContext("user-7", {"name": "Ada", "count": 2, "userAgent": "x", "roles": ["admin"]})


def serving(active: str = "1.0.0", seq: int = 1) -> View:
    return view_of(
        sourced("greeting", {"text": "Hello {{ name }} {{ count }}", "variables": [NAME, COUNT]}),
        sourced("chat", {"messages": [{"role": "user", "content": "{{ name }}"}], "variables": [NAME], "parameters": {"maxTokens": 9}}, promptId="team/chat"),
        sourced("off", {"text": "off"}, disabled=True),
        manifest("Prompt", "two", activeVersion=active),
        version("two", "1.0.0", {"text": "one"}),
        version("two", "1.1.0", {"text": "two"}),
        seq=seq,
    )  # fmt: skip


@dataclass
class Flags:
    """A data listener, what it holds, and OpenFeature's client of it."""

    url: str
    store: Store
    client: OpenFeatureClient

    async def ask(self, evaluate: Callable[..., Any], *arguments: Any) -> Any:
        """Evaluate as an application does, which waits in a thread of its own."""
        return await asyncio.to_thread(evaluate, *arguments)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http:
            return await http.post(f"{self.url}/ofrep/v1/evaluate/flags{path}", content=content, headers=headers)


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
async def flags(worker: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Flags]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    store = Store()
    store.swap(serving())
    store.confirmed_at = 0.0
    async with served(data_app(store, worker)) as running:
        await asyncio.to_thread(api.set_provider_and_wait, OFREPProvider(running.url), "sidecar")
        yield Flags(running.url, store, api.get_client("sidecar"))
        await asyncio.to_thread(api.shutdown)


@pytest.mark.parametrize(
    ("key", "value", "variant", "reason"),
    [
        pytest.param("greeting", "Hello Ada 2", "1.0.0", "STATIC", id="a text with variables of the context"),
        pytest.param("two", "one", "1.0.0", "STATIC", id="a text without any"),
        pytest.param("off", "mine", "1.0.0", "DISABLED", id="a prompt that is disabled"),
    ],
)
async def test_a_text_is_a_string(flags: Flags, key: str, value: str, variant: str, reason: str) -> None:
    details = await flags.ask(flags.client.get_string_details, key, "mine", ADA)

    assert (details.value, details.variant, details.reason, details.error_code) == (value, variant, reason, None)


async def test_what_stands_in_for_a_prompt_is_a_default(flags: Flags) -> None:
    view = view_of(sourced("lost", {"text": "lost"}, fallback={"text": "ours"}), seq=2)
    flags.store.swap(dataclasses.replace(view, blobs={}))
    details = await flags.ask(flags.client.get_string_details, "lost", "mine", ADA)

    assert (details.value, details.variant, details.reason) == ("ours", "", "DEFAULT")
    assert details.flag_metadata["source"] == "fallback"


async def test_a_chat_is_an_object_with_its_parameters(flags: Flags) -> None:
    details = await flags.ask(flags.client.get_object_details, "team/chat", {}, ADA)

    assert details.value == {"messages": [{"role": "user", "content": "Ada"}], "parameters": {"maxTokens": 9}}


async def test_where_a_value_comes_from_is_in_its_metadata(flags: Flags) -> None:
    details = await flags.ask(flags.client.get_string_details, "two", "mine")

    assert details.flag_metadata["digest"].startswith("sha256:")
    assert details.flag_metadata["source"] == "directory"
    assert details.flag_metadata["render_id"].startswith("two.")


@pytest.mark.parametrize(
    ("key", "context", "code"),
    [
        pytest.param("nobody", ADA, "FLAG_NOT_FOUND", id="no such prompt"),
        pytest.param("greeting", None, "INVALID_CONTEXT", id="a variable is missing"),
        pytest.param(
            "greeting",
            EvaluationContext("u", {"name": "A", "count": "2"}),
            "INVALID_CONTEXT",
            id="a variable of another type",
        ),
        pytest.param("team/chat", ADA, "TYPE_MISMATCH", id="a chat is no string"),
    ],
)
async def test_what_cannot_be_evaluated_says_why(
    flags: Flags, key: str, context: EvaluationContext | None, code: str
) -> None:
    details = await flags.ask(flags.client.get_string_details, key, "mine", context)

    assert (details.value, details.error_code, details.reason) == ("mine", code, "ERROR")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        pytest.param("/two", b"{", 400, "PARSE_ERROR", id="no JSON"),
        pytest.param("/two", {"context": []}, 400, "PARSE_ERROR", id="a context that is a list"),
        pytest.param("/two", b'{"context": {"a": 1, "a": 2}}', 400, "PARSE_ERROR", id="a key twice"),
        pytest.param("", b"{", 400, "PARSE_ERROR", id="no JSON for all"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    flags: Flags, path: str, body: Any, status: int, code: str
) -> None:
    answer = await flags.post(path, body)

    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)


async def test_no_body_is_no_context(flags: Flags) -> None:
    assert (await flags.post("/two")).json()["value"] == "one"


@pytest.mark.parametrize("path", ["/..%2f..%2fv1%2fprompts", "/two%00", "/" + "a" * 2000, "/two?x=1"])
async def test_no_key_leads_elsewhere(flags: Flags, path: str) -> None:
    assert (await flags.post(path, {})).status_code in (400, 404)


async def test_a_large_body_is_refused(flags: Flags) -> None:
    assert (await flags.post("/two", b"x" * (MAX_REQUEST_BYTES + 1))).status_code == 413


async def test_all_are_evaluated_and_held(flags: Flags) -> None:
    context = {"context": {"targetingKey": "user-7", "name": "Ada"}}
    answer = await flags.post("", context)
    again = await flags.post("", context, **{"if-none-match": answer.headers["etag"]})
    flags.store.swap(serving("1.1.0", seq=2))
    changed = await flags.post("?flagConfigEtag=x", context, **{"if-none-match": answer.headers["etag"]})

    told = {flag["key"]: flag.get("value", flag["reason"]) for flag in answer.json()["flags"]}
    assert told == {
        "team/chat": {"messages": [{"role": "user", "content": "Ada"}], "parameters": {"maxTokens": 9}},
        "greeting": "Hello Ada 1",
        "off": "DISABLED",
        "two": "one",
    }
    assert again.status_code == 304
    assert [flag["value"] for flag in changed.json()["flags"] if flag["key"] == "two"] == ["two"]


async def test_one_that_cannot_be_evaluated_fails_no_other_and_counts_for_nothing(flags: Flags) -> None:
    answer = await flags.post("", {"context": {}})

    told = {flag["key"]: flag.get("errorCode", flag.get("value")) for flag in answer.json()["flags"]}
    assert told == {"team/chat": "INVALID_CONTEXT", "greeting": "INVALID_CONTEXT", "off": None, "two": "one"}
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http:
        assert (await http.get(f"{flags.url}/v1/stats")).json()["total"] == 0


async def test_a_change_is_told_where_the_answer_says(flags: Flags) -> None:
    (stream,) = (await flags.post("", {})).json()["eventStreams"]
    assert stream["type"] == "sse"

    async with (
        asyncio.timeout(10),
        httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http,
        http.stream("GET", flags.url + stream["endpoint"]["requestUri"]) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == ": listening"
        flags.store.swap(serving("1.1.0", seq=2))
        while not (line := await anext(lines)).startswith("data: "):
            continue

    assert line == 'data: {"type":"refetchEvaluation"}'
