"""GET /v1/events: what changes and what is rendered is told as it happens; who is slow holds nobody up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from promptops.api.observed import EVENT_TYPES, PromptEvent
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.answers import Answers
from promptops.sidecar.data import DataApp
from promptops.sidecar.events import MAX_LISTENERS, MAX_QUEUED, EventHub, EventListener
from promptops.sidecar.guard import Guard
from tests.support.answering import HEALTHY, counting, view_of
from tests.support.manifests import manifest, version
from tests.support.plain import NO_TLS
from tests.support.serving import served

SECRET = "canary-of-a-value"


@dataclass
class Telling:
    """A data listener, what it holds, and the hub behind it."""

    http: httpx.AsyncClient
    store: Store
    hub: EventHub

    @asynccontextmanager
    async def listening(self, query: str = "") -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Yield the events as they come."""
        async with self.http.stream("GET", f"/v1/events{query}") as answer:
            assert answer.status_code == 200
            lines = answer.aiter_lines()
            assert await anext(lines) == ": alive"
            yield _events(lines)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    async for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def serving(active: str, *, seq: int = 1, **spec: Any) -> View:
    return view_of(
        manifest("Prompt", "two", activeVersion=active, **spec),
        version("two", "1.0.0", {"text": "one {{ a }}", "variables": [{"name": "a", "type": "string"}]}),
        version("two", "1.1.0", {"text": "two {{ a }}", "variables": [{"name": "a", "type": "string"}]}),
        seq=seq,
    )


@pytest.fixture
async def telling() -> AsyncIterator[Telling]:
    store = Store()
    store.swap(serving("1.0.0"))
    counted, hub = counting(), EventHub(store, lambda: "2026-01-01T00:00:00Z")
    answers = Answers(store, counted, lambda: 0.0)
    with ThreadPoolExecutor(1) as worker:
        app = DataApp(answers, lambda: HEALTHY, Guard(check_host=True), worker, counted, hub)
        async with (
            served(app) as running,
            httpx.AsyncClient(base_url=running.url, verify=NO_TLS, trust_env=False) as http,
        ):
            yield Telling(http, store, hub)
            hub.close()


@pytest.mark.parametrize(
    ("after", "told"),
    [
        pytest.param(serving("1.1.0", seq=2), [("prompt.activated", "1.1.0", "1.0.0")], id="activated"),
        pytest.param(
            serving("1.0.0", seq=2, disabled=True), [("prompt.disabled", "1.0.0", None)], id="the kill switch"
        ),
        pytest.param(view_of(seq=2), [("prompt.removed", None, "1.0.0")], id="removed"),
    ],
)
async def test_a_change_is_told(telling: Telling, after: View, told: list[tuple[str, str | None, str | None]]) -> None:
    async with telling.listening() as events:
        telling.store.swap(after)
        event = await anext(events)

    assert [(event["type"], event.get("version"), event.get("previous_version"))] == told
    assert (event["prompt_id"], event["tenant"]) == ("two", "team")


async def test_a_rollback_is_told_as_one(telling: Telling) -> None:
    telling.store.swap(serving("1.1.0", seq=2))

    async with telling.listening() as events:
        telling.store.swap(serving("1.0.0", seq=3))

        assert (await anext(events))["type"] == "prompt.rolled_back"


async def test_a_render_is_told_twice_under_one_id_and_without_values(telling: Telling) -> None:
    async with telling.listening("?types=prompt.requested,prompt.completed,prompt.failed") as events:
        await telling.http.post("/v1/prompts/two/render", json={"variables": {"a": SECRET}})
        requested, completed = await anext(events), await anext(events)
        await telling.http.post(
            "/v1/prompts/two/render", json={"variables": {"a": [SECRET]}}, headers={"promptops-request-id": "r1"}
        )
        asked, failed = await anext(events), await anext(events)

    assert [each["type"] for each in (requested, completed)] == ["prompt.requested", "prompt.completed"]
    assert requested["correlation_id"] == completed["correlation_id"]
    assert (completed["version"], completed["variables"]) == ("1.0.0", ["a"])
    assert (asked["correlation_id"], failed["correlation_id"], failed["code"]) == ("r1", "r1", "InvalidVariables")
    assert SECRET not in json.dumps([requested, completed, asked, failed])


async def test_only_the_types_that_were_asked_for_come(telling: Telling) -> None:
    async with telling.listening("?types=prompt.activated") as events:
        assert not telling.hub.wants_renders
        await telling.http.post("/v1/prompts/two/render", json={"variables": {"a": "x"}})
        telling.store.swap(serving("1.1.0", seq=2))

        assert (await anext(events))["type"] == "prompt.activated"


@pytest.mark.parametrize("query", ["?types=prompt.eaten", "?types=", "?type=prompt.failed", "?types=a&types=b"])
async def test_what_is_no_type_is_refused(telling: Telling, query: str) -> None:
    assert (await telling.http.get(f"/v1/events{query}")).status_code == 400


async def test_a_listener_that_is_slow_is_told_how_many_it_missed() -> None:
    listener = EventListener(frozenset(EVENT_TYPES))
    for number in range(MAX_QUEUED + 3):
        listener.push(PromptEvent("prompt.failed", "", "", f"prompt-{number}"))

    events, missed = await listener.next()

    assert (len(events), missed) == (MAX_QUEUED, 3)


async def test_streams_are_bounded_and_end_with_the_server(telling: Telling) -> None:
    async with asyncio.timeout(20):
        streams = [telling.listening() for _ in range(MAX_LISTENERS)]
        opened = [await each.__aenter__() for each in streams]
        refused = await telling.http.get("/v1/events")
        telling.hub.close()
        left = [[event async for event in events] for events in opened]
        for each in streams:
            await each.__aexit__(None, None, None)

    assert (refused.status_code, refused.json()["retryable"]) == (503, True)
    assert left == [[]] * MAX_LISTENERS
