"""A batch is answered item by item: each as it would have been answered alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from promptops.api.http import MAX_BATCH_ITEMS, MAX_BATCH_OUTPUT_BYTES, MAX_VARIABLES
from promptops.cache.store import Store
from tests.support.answering import data_app, view_of
from tests.support.manifests import manifest, sourced, version
from tests.support.plain import NO_TLS
from tests.support.serving import served

STRING = {"name": "text", "type": "string"}
BIG = 1024 * 1000


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
async def http(worker: ThreadPoolExecutor) -> AsyncIterator[httpx.AsyncClient]:
    """A data listener over a few prompts."""
    store = Store()
    store.swap(
        view_of(
            sourced("echo", {"text": "<{{ text }}>", "variables": [STRING]}),
            sourced("often", {"text": "{{ text }}" * 1000, "variables": [STRING]}),
            sourced("off", {"text": "off"}, disabled=True),
            manifest("Prompt", "two", activeVersion="1.0.0"),
            version("two", "1.0.0", {"text": "one"}),
            version("two", "1.1.0", {"text": "two", "variables": [{**STRING, "optional": True}]}),
        )
    )
    async with (
        served(data_app(store, worker)) as running,
        httpx.AsyncClient(base_url=running.url, verify=NO_TLS, trust_env=False, timeout=60) as client,
    ):
        yield client


async def batch(http: httpx.AsyncClient, *items: Any) -> httpx.Response:
    return await http.post("/v1/render/batch", content=json.dumps({"items": items}))


async def test_each_item_is_answered_for_itself(http: httpx.AsyncClient) -> None:
    answer = await batch(
        http,
        {"prompt_id": "echo", "variables": {"text": "a"}},
        {"prompt_id": "nobody"},
        {"prompt_id": "echo", "variables": {"text": 7}},
        {"prompt_id": "off"},
        {"prompt_id": "../two"},
        {"prompt_id": "two", "version": "1.1.0"},
        {"prompt_id": "two", "version": "9.9.9"},
        {"prompt_id": "echo", "variables": {f"v{number}": 1 for number in range(MAX_VARIABLES + 1)}},
    )

    items = answer.json()["items"]
    assert [item["status"] for item in items] == [200, 404, 422, 409, 400, 200, 404, 400]
    assert [item["answer"]["rendered_content"] for item in items if "answer" in item] == ["<a>", "two"]
    assert all(("answer" in item) != ("problem" in item) for item in items)
    assert (answer.json()["succeeded"], answer.json()["failed"]) == (2, 6)


async def test_an_item_is_answered_as_it_is_alone(http: httpx.AsyncClient) -> None:
    alone = await http.post("/v1/prompts/echo/render", json={"variables": {"text": 7}})

    together = await batch(http, {"prompt_id": "echo", "variables": {"text": 7}})

    assert together.json()["items"][0]["problem"] == alone.json()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"items": [{"variables": {}}]}', id="an item without a prompt"),
        pytest.param(b'{"items": [{"prompt_id": "echo", "vars": {}}]}', id="an unknown field"),
        pytest.param(b'{"items": [], "items": []}', id="a key twice"),
        pytest.param(
            json.dumps({"items": [{"prompt_id": "echo"}] * (MAX_BATCH_ITEMS + 1)}).encode(), id="too many items"
        ),
    ],
)
async def test_a_batch_that_cannot_be_read_is_refused_whole(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/v1/render/batch", content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidRequest")


async def test_what_is_answered_together_is_bounded(http: httpx.AsyncClient) -> None:
    answer = await batch(http, *[{"prompt_id": "often", "variables": {"text": "x" * (BIG // 1000)}}] * 20)

    items = answer.json()["items"]
    refused = [item["problem"]["code"] for item in items if "problem" in item]
    assert refused
    assert set(refused) == {"OutputTooLarge"}
    assert len(answer.content) < MAX_BATCH_OUTPUT_BYTES + 3 * BIG


async def test_renders_are_counted_whichever_way_they_come(http: httpx.AsyncClient) -> None:
    await batch(http, {"prompt_id": "echo", "variables": {"text": "a"}}, {"prompt_id": "echo"}, {"prompt_id": "nobody"})
    await http.post("/v1/prompts/echo/render", json={"variables": {"text": "b"}})

    statistics = (await http.get("/v1/stats")).json()

    by_prompt = {each["prompt"]: each for each in statistics["prompts"]}
    assert (statistics["total"], statistics["succeeded"], statistics["failed"]) == (4, 2, 2)
    assert (by_prompt["echo"]["total"], by_prompt["echo"]["error_rate"]) == (3, 0.3333)
    assert by_prompt["echo"]["failures"] == {"InvalidVariables": 1}
    assert by_prompt[""]["failures"] == {"PromptNotFound": 1}


async def test_what_came_of_a_render_counts_once(http: httpx.AsyncClient) -> None:
    rendered = (await http.post("/v1/prompts/echo/render", json={"variables": {"text": "a"}})).json()
    said = {"render_id": rendered["render_id"], "outcome": "success", "score": 0.5}

    answers = [(await http.post("/v1/feedback", json=said)).json() for _ in range(2)]

    assert [each["counted"] for each in answers] == [True, False]
    assert answers[0]["digest"] == rendered["digest"]
    (echo,) = (await http.get("/v1/stats")).json()["prompts"]
    assert (echo["feedback_success"], echo["feedback_failure"], echo["score_average"]) == (1, 0, 0.5)


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        pytest.param({"render_id": "echo.0123456789abcdef.x", "outcome": "success"}, 404, "RenderNotFound", id="no such content"),
        pytest.param({"render_id": "gone.0123456789abcdef.x", "outcome": "success"}, 404, "RenderNotFound", id="no such prompt"),
        pytest.param({"render_id": "echo", "outcome": "success"}, 404, "RenderNotFound", id="no id of ours"),
        pytest.param({"render_id": "echo.a.b", "outcome": "good"}, 400, "InvalidRequest", id="another outcome"),
        pytest.param({"render_id": "echo.a.b", "outcome": "success", "score": 2}, 400, "InvalidRequest", id="a score beyond 1"),
        pytest.param({"render_id": "x" * 200, "outcome": "success"}, 400, "InvalidRequest", id="a long id"),
    ],
)  # fmt: skip
async def test_feedback_about_nothing_is_refused(
    http: httpx.AsyncClient, said: dict[str, Any], status: int, code: str
) -> None:
    answer = await http.post("/v1/feedback", json=said)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_diff_says_what_differs_and_is_held(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/prompts/two/diff?from=1.0.0&to=1.1.0")
    again = await http.get(
        "/v1/prompts/two/diff?from=1.0.0&to=1.1.0", headers={"if-none-match": answer.headers["etag"]}
    )

    said = answer.json()
    assert (said["from"], said["to"], said["grade"]) == ("1.0.0", "1.1.0", "minor")
    assert said["texts"] == [
        {"path": "text", "pieces": [{"kind": "removed", "text": "one"}, {"kind": "added", "text": "two"}]}
    ]
    assert [(each["kind"], each["before"]) for each in said["fields"]] == [("added", None)]
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("", 400, id="none"),
        pytest.param("?from=1.0.0", 400, id="one alone"),
        pytest.param("?from=1.0.0&to=1.1.0&x=1", 400, id="one more"),
        pytest.param("?from=1.0.0&from=1.0.0&to=1.1.0", 400, id="twice"),
        pytest.param("?from=%ff&to=1.1.0", 400, id="no UTF-8"),
        pytest.param("?from&to", 400, id="names alone"),
        pytest.param("?from=1.0.0&to=9.0.0", 404, id="a version that is not held"),
    ],
)
async def test_a_diff_needs_two_versions(http: httpx.AsyncClient, query: str, status: int) -> None:
    assert (await http.get(f"/v1/prompts/two/diff{query}")).status_code == status
