"""What takes long is done beside the loop: nobody's small render waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.tally import Tally
from promptops.sidecar.renders import LARGE_BYTES
from tests.support.answering import data_app, view_of
from tests.support.manifests import sourced
from tests.support.serving import served

SMALL = {"variables": {"name": "Ada"}}
LARGE = {"variables": {"name": "x" * LARGE_BYTES}}


@dataclass
class Beside:
    """A data listener whose worker is busy until it is released."""

    http: httpx.AsyncClient
    store: Store
    tally: Tally
    release: threading.Event

    async def render(self, body: object) -> httpx.Response:
        return await self.http.post("/v1/prompts/a/render", json=body)


def view(*names: str) -> View:
    content = {"text": "Hello {{ name }}", "variables": [{"name": "name", "type": "string"}]}
    return view_of(*(sourced(name, content) for name in names))


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
async def beside(worker: ThreadPoolExecutor) -> AsyncIterator[Beside]:
    store, tally, release = Store(), Tally(), threading.Event()
    store.swap(view("a"))
    app = data_app(store, worker, tally)
    worker.submit(release.wait, 60)
    async with served(app) as running, httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=60) as client:
        yield Beside(client, store, tally, release)
        release.set()


async def test_a_small_render_waits_for_no_large_one(beside: Beside) -> None:
    large = asyncio.create_task(beside.render(LARGE))

    small = await beside.render(SMALL)

    assert small.json()["rendered_content"] == "Hello Ada"
    assert not large.done()
    beside.release.set()
    assert (await large).json()["rendered_content"] == f"Hello {LARGE['variables']['name']}"
    assert [counters.succeeded for counters in beside.tally.changes()] == [2]


async def test_a_large_render_is_refused_and_counted_as_a_small_one_is(beside: Beside) -> None:
    beside.release.set()

    refused = await beside.render({"variables": {"name": "x" * LARGE_BYTES + "\x01"}})

    assert (refused.status_code, refused.json()["code"]) == (422, "InvalidVariables")
    assert [counters.failed for counters in beside.tally.changes()] == [1]


async def test_the_list_of_prompts_is_written_once_for_each_change(beside: Beside, worker: ThreadPoolExecutor) -> None:
    beside.release.set()
    first = await beside.http.get("/v1/prompts")
    release = threading.Event()
    worker.submit(release.wait, 60)

    again = await beside.http.get("/v1/prompts", headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 304
    release.set()
    beside.store.swap(view("a", "b"))
    changed = await beside.http.get("/v1/prompts", headers={"if-none-match": first.headers["etag"]})
    assert [each["name"] for each in changed.json()["prompts"]] == ["a", "b"]
