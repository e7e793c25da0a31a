"""Prompts over the Model Context Protocol: asked by its own client, and by whoever says something else than it should."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import mcp_types as types
import pytest
from mcp import Client, MCPError

from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.sidecar.mcp.face import PAGE
from tests.support.answering import data_app, view_of
from tests.support.manifests import manifest, sourced, version
from tests.support.plain import NO_TLS
from tests.support.serving import served

NAME: dict[str, Any] = {"name": "name", "type": "string", "description": "Whom to greet"}
COUNT: dict[str, Any] = {"name": "count", "type": "integer", "minimum": 1}
TAGS: dict[str, Any] = {"name": "tags", "type": "list", "itemType": "string", "optional": True}
TONE: dict[str, Any] = {"name": "tone", "type": "string", "enum": ["formal", "friendly", "frank"], "default": "formal"}
LOUD: dict[str, Any] = {"name": "loud", "type": "boolean", "default": False}
TYPED = {
    "text": "{{ name }} {{ count }} {{ tags | join('+') }} {{ tone }} {{ loud }}",
    "variables": [NAME, COUNT, TAGS, TONE, LOUD],
}
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "{{ name }}"},
    {"role": "assistant", "content": "Yes?"},
]  # fmt: skip
CLIENT: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
NO_CAPABILITIES: dict[str, Any] = {**CLIENT, "io.modelcontextprotocol/clientCapabilities": 7}


def serving(active: str, seq: int = 1) -> View:
    return view_of(
        sourced("typed", TYPED),
        sourced("chat", {"messages": CHAT, "variables": [NAME]}, promptId="team/chat.v1"),
        sourced("off", {"text": "off"}, disabled=True),
        manifest("Prompt", "two", activeVersion=active),
        version("two", "1.0.0", {"text": "one"}),
        version("two", "1.1.0", {"text": "two"}),
        seq=seq,
    )


@dataclass
class Speaking:
    """A data listener and what it holds."""

    url: str
    store: Store

    async def post(self, message: Any, **headers: str) -> httpx.Response:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http:
            return await http.post(self.url, content=body, headers=headers)


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
async def speaking(worker: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Speaking]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    store = Store()
    store.swap(serving("1.0.0"))
    async with served(data_app(store, worker)) as running:
        yield Speaking(f"{running.url}/mcp", store)


async def test_its_client_speaks_the_version_without_a_handshake(speaking: Speaking) -> None:
    async with Client(speaking.url) as client:
        assert client.protocol_version == "2026-07-28"
        assert client.server_info is not None
        assert client.server_info.name == "promptops"


async def test_prompts_are_listed_with_their_arguments(speaking: Speaking) -> None:
    async with Client(speaking.url) as client:
        listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}

        assert sorted(listed) == ["team/chat.v1", "two", "typed"]
        arguments = [(each.name, each.required, each.description) for each in listed["typed"].arguments or []]
        assert arguments == [
            ("name", True, "Whom to greet"),
            ("count", True, "JSON text: integer"),
            ("tags", False, "JSON text: list"),
            ("tone", False, None),
            ("loud", False, "JSON text: boolean"),
        ]


async def test_typed_arguments_come_as_json_text(speaking: Speaking) -> None:
    async with Client(speaking.url) as client:
        got = await client.get_prompt("typed", {"name": "7", "count": "2", "tags": '["a", "b"]', "loud": "true"})

        (message,) = got.messages
        assert isinstance(message.content, types.TextContent)
        assert (message.role, message.content.text) == ("user", "7 2 a+b formal true")
        assert got.meta is not None
        assert got.meta["promptops.io/version"] == "1.0.0"
        assert got.meta["promptops.io/digest"].startswith("sha256:")


async def test_roles_that_the_protocol_does_not_know_stand_beside_the_message(speaking: Speaking) -> None:
    async with Client(speaking.url) as client:
        got = await client.get_prompt("team/chat.v1", {"name": "Ada"})

        said = [
            (each.role, each.content.text, (each.content.meta or {}).get("promptops.io/role"))
            for each in got.messages
            if isinstance(each.content, types.TextContent)
        ]
        assert said == [("user", "Be brief.", "system"), ("user", "Ada", None), ("assistant", "Yes?", None)]


@pytest.mark.parametrize(
    ("name", "arguments", "code", "says"),
    [
        pytest.param("typed", {"name": "a", "count": "two"}, "InvalidVariables", "count", id="no JSON text"),
        pytest.param("typed", {"name": "a", "count": '"2"'}, "InvalidVariables", "count", id="JSON of another type"),
        pytest.param("typed", {"name": "a", "count": "0"}, "InvalidVariables", "count", id="out of bounds"),
        pytest.param("typed", {}, "InvalidVariables", "name", id="missing"),
        pytest.param("typd", {}, "PromptNotFound", "typd", id="no such prompt"),
        pytest.param("off", {}, "PromptDisabled", "off", id="disabled"),
    ],
)
async def test_what_cannot_be_got_says_why(
    speaking: Speaking, name: str, arguments: dict[str, str], code: str, says: str
) -> None:
    async with Client(speaking.url) as client:
        with pytest.raises(MCPError) as refused:
            await client.get_prompt(name, arguments)

        assert refused.value.error.data["code"] == code
        assert says in refused.value.error.message


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        pytest.param({"name": "tone", "value": "f"}, ["formal", "friendly", "frank"], id="an enum"),
        pytest.param({"name": "tone", "value": "fr"}, ["friendly", "frank"], id="begun"),
        pytest.param({"name": "loud", "value": ""}, ["true", "false"], id="a boolean"),
        pytest.param({"name": "name", "value": "A"}, [], id="any string"),
    ],
)
async def test_arguments_are_completed(speaking: Speaking, argument: dict[str, str], values: list[str]) -> None:
    async with Client(speaking.url) as client:
        completed = await client.complete(types.PromptReference(type="ref/prompt", name="typed"), argument)

        assert completed.completion.values == values


async def test_an_activation_is_told_to_who_listens(speaking: Speaking) -> None:
    async with Client(speaking.url) as client:
        async with asyncio.timeout(10), client.listen(prompts_list_changed=True) as subscription:
            speaking.store.swap(serving("1.1.0", seq=2))

            assert type(await anext(subscription)).__name__ == "PromptsListChanged"
        got = await client.get_prompt("two")
        assert got.messages[0].content == types.TextContent(type="text", text="two")


async def test_a_long_list_comes_in_pages(speaking: Speaking) -> None:
    async with Client(speaking.url) as client:
        names = [f"p{number:03}" for number in range(PAGE + 5)]
        speaking.store.swap(view_of(*(sourced(name, {"text": "x"}) for name in names), seq=2))

        first = await client.list_prompts(cache_mode="bypass")
        second = await client.list_prompts(cursor=first.next_cursor, cache_mode="bypass")

        assert [each.name for each in (*first.prompts, *second.prompts)] == names
        assert second.next_cursor is None


def call(method: str, *, id: Any = 1, meta: Any = CLIENT, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": meta}}


@pytest.mark.parametrize(
    ("message", "headers", "status", "code"),
    [
        pytest.param(b"{", {}, 400, -32700, id="no JSON"),
        pytest.param(b"[]", {}, 400, -32600, id="a batch"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "x"}', {}, 400, -32600, id="a key twice"),
        pytest.param({"jsonrpc": "1.0", "id": 1, "method": "x"}, {}, 400, -32600, id="another JSON-RPC"),
        pytest.param(call("prompts/list", id=True), {}, 400, -32600, id="an id that is none"),
        pytest.param(call("prompts/list", id=None), {}, 400, -32600, id="an id of null"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "method": "prompts/list", "params": []}, {}, 400, -32602, id="params that are a list"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "method": "prompts/list"}, {}, 400, -32602, id="nothing about the client"),
        pytest.param(call("prompts/list", meta={}), {}, 400, -32602, id="an empty _meta"),
        pytest.param(call("prompts/list", meta=NO_CAPABILITIES), {}, 400, -32602, id="capabilities that are a number"),
        pytest.param(call("prompts/list"), {"mcp-protocol-version": ""}, 400, -32020, id="no version in the head"),
        pytest.param(call("prompts/list"), {"mcp-method": "prompts/get"}, 400, -32020, id="another method in the head"),
        pytest.param(call("prompts/get", name="two"), {}, 400, -32020, id="no name in the head"),
        pytest.param(call("prompts/get", name="two"), {"mcp-name": "typed"}, 400, -32020, id="another name in the head"),
        pytest.param(call("prompts/get", name="two"), {"mcp-name": "=?base64?x?="}, 400, -32020, id="a name in broken base64"),
        pytest.param(call("prompts/list", meta=CLIENT | {"io.modelcontextprotocol/protocolVersion": "2027-01-01"}), {"mcp-protocol-version": "2027-01-01"}, 400, -32022, id="a version to come"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}, {}, 400, -32022, id="a version that is past"),
        pytest.param(call("tools/list"), {}, 404, -32601, id="tools"),
        pytest.param(call("initialize"), {}, 404, -32601, id="a handshake"),
        pytest.param(call("prompts/get", name=7), {"mcp-name": "7"}, 400, -32020, id="a name that is a number"),
        pytest.param(call("prompts/get"), {}, 400, -32602, id="no name"),
        pytest.param(call("prompts/get", name="two", arguments={"a": 1}), {"mcp-name": "two"}, 400, -32602, id="arguments that are no strings"),
        pytest.param(call("prompts/list", cursor=7), {}, 400, -32602, id="a cursor that is a number"),
        pytest.param(call("completion/complete", ref={"type": "ref/resource"}, argument={}), {}, 400, -32602, id="a resource to complete"),
        pytest.param(call("completion/complete", ref={"type": "ref/prompt", "name": "two"}, argument={"name": "x", "value": ""}), {}, 400, -32602, id="no such argument"),
        pytest.param(call("subscriptions/listen"), {}, 400, -32602, id="a subscription to nothing"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_message_is_told_by_its_code(
    speaking: Speaking, message: Any, headers: dict[str, str], status: int, code: int
) -> None:
    said = {"mcp-protocol-version": "2026-07-28", "mcp-method": message["method"]} if isinstance(message, dict) else {}

    answer = await speaking.post(message, **{name: value for name, value in {**said, **headers}.items() if value})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    known = (
        message["id"]
        if isinstance(message, dict) and isinstance(message["id"], int) and message["id"] is not True
        else None
    )
    assert answer.json()["id"] == known


async def test_a_name_may_come_in_base64(speaking: Speaking) -> None:
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "prompts/get", "mcp-name": "=?base64?dHdv?="}

    answer = await speaking.post(call("prompts/get", name="two"), **headers)

    assert answer.json()["result"]["messages"][0]["content"]["text"] == "one"


async def test_a_notification_is_taken_and_means_nothing(speaking: Speaking) -> None:
    answer = await speaking.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}})

    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("header", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
async def test_pages_from_elsewhere_are_not_answered(speaking: Speaking, header: dict[str, str]) -> None:
    assert (await speaking.post(call("prompts/list"), **header)).status_code == 403
