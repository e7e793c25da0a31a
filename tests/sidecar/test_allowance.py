"""A tenant's limit of renders a second: what is more gets 429 and hears when to come again; everything else is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import httpx
import msgspec
import pytest

from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.answers import Answers
from promptops.sidecar.data import DataApp
from promptops.sidecar.events import EventHub
from promptops.sidecar.guard import Guard
from promptops.sidecar.renders import LARGE_BYTES
from tests.sidecar.test_beside import view
from tests.support.answering import HEALTHY, counting
from tests.support.serving import served

SMALL = {"variables": {"name": "Ada"}}
LARGE = {"variables": {"name": "x" * LARGE_BYTES}}


def allowing(renders_per_second: int) -> View:
    """What is held of a namespace whose tenant allows so many; 0: any number."""
    held = view("a")
    return replace(held, header=msgspec.structs.replace(held.header, renders_per_second=renders_per_second))


@dataclass
class Limited:
    """Both listeners of a sidecar, and its clock."""

    store: Store = field(default_factory=Store)
    now: float = 100.0
    tcp: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)
    other: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    async def renders(self, times: int, body: object = SMALL) -> list[int]:
        """Return the statuses of so many renders, one after the other."""
        return [(await self.tcp.post("/v1/prompts/a/render", json=body)).status_code for _ in range(times)]


@pytest.fixture
async def limited() -> AsyncIterator[Limited]:
    """A sidecar whose tenant allows three renders a second."""
    made = Limited()
    made.store.swap(allowing(3))
    counted, hub = counting(), EventHub(made.store)
    answers = Answers(made.store, counted, lambda: made.now)
    with ThreadPoolExecutor(1) as worker:
        guard = Guard(check_host=True)
        first, second = (DataApp(answers, lambda: HEALTHY, guard, worker, counted, hub) for _ in range(2))
        async with served(first) as one, served(second) as two:
            made.tcp = httpx.AsyncClient(base_url=one.url, trust_env=False, timeout=30)
            made.other = httpx.AsyncClient(base_url=two.url, trust_env=False, timeout=30)
            async with made.tcp, made.other:
                yield made


@pytest.mark.parametrize("body", [pytest.param(SMALL, id="small"), pytest.param(LARGE, id="large")])
async def test_what_is_more_is_refused_and_told_when_to_come_again(limited: Limited, body: object) -> None:
    before = await limited.renders(3, body)

    refused = await limited.tcp.post("/v1/prompts/a/render", json=body)

    assert before == [200, 200, 200]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["code"] == "TooManyRequests"
    assert "the tenant allows this pod 3 renders a second" in refused.json()["detail"]


async def test_all_listeners_of_a_pod_share_it(limited: Limited) -> None:
    await limited.renders(3)

    refused = await limited.other.post("/v1/prompts/a/render", json=SMALL)

    assert refused.status_code == 429


async def test_there_is_room_again_as_time_goes_by(limited: Limited) -> None:
    before = await limited.renders(4)
    limited.now += 1 / 3 + 0.001
    after = await limited.renders(2)
    limited.now += 60

    assert (before, after) == ([200, 200, 200, 429], [200, 429])
    assert await limited.renders(4) == [200, 200, 200, 429], "nothing more than a second's is saved up"


async def test_each_item_of_a_batch_counts(limited: Limited) -> None:
    items = [{"prompt_id": "a", **SMALL}] * 5

    answer = await limited.tcp.post("/v1/render/batch", json={"items": items})

    assert [each["status"] for each in answer.json()["items"]] == [200, 200, 200, 429, 429]


async def test_only_renders_count(limited: Limited) -> None:
    await limited.renders(4)

    looked = [(await limited.tcp.get(path)).status_code for path in ("/v1/prompts", "/v1/prompts/a", "/v1/health")]

    assert looked == [200, 200, 200]


async def test_a_limit_that_is_changed_or_taken_away_holds_at_once(limited: Limited) -> None:
    await limited.renders(4)
    limited.store.swap(allowing(5))
    raised = await limited.renders(6)
    limited.store.swap(allowing(0))

    assert raised == [200] * 5 + [429]
    assert await limited.renders(20) == [200] * 20
