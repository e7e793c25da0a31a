"""Subscribers hear of each render, and nothing they do is felt by one."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from promptops.api.observed import COMPLETED, FAILED, REQUESTED
from promptops.client import ConfigurationError, NetworkError, PromptEvent, SyncPromptOpsClient
from promptops.client.events import MAX_QUEUED
from promptops.client.testing import FakeSidecar
from tests.support.waiting import wait_until

ADA = {"name": "Ada"}


@pytest.fixture
def fake() -> FakeSidecar:
    return FakeSidecar().add("greeting", "Hello {{ name }}", variables=["name"])


@pytest.fixture
def client(fake: FakeSidecar) -> Iterator[SyncPromptOpsClient]:
    with fake.client() as made:
        yield made


def told(client: Any, *types: str) -> queue.Queue[PromptEvent]:
    """Return what a subscriber of these types hears."""
    heard: queue.Queue[PromptEvent] = queue.Queue()
    for each in types:
        client.subscribe(each, heard.put)
    return heard


def test_a_render_is_requested_and_completed_under_one_id(client: SyncPromptOpsClient) -> None:
    requested, completed = told(client, REQUESTED), told(client, COMPLETED)

    answer = client.render_prompt("greeting", ADA)

    first, last = requested.get(timeout=10), completed.get(timeout=10)
    assert first.correlation_id == last.correlation_id
    assert (first.prompt_id, first.variables, first.version) == ("greeting", ("name",), None)
    assert (last.version, last.digest) == (answer.version, answer.digest)
    assert last.duration_ms is not None
    assert "Ada" not in repr((first, last))


def test_a_render_that_fails_says_why(client: SyncPromptOpsClient, fake: FakeSidecar) -> None:
    requested, failed = told(client, REQUESTED), told(client, FAILED)
    fake.fail("greeting", NetworkError("gone"))

    client.render_prompt("greeting", ADA, fallback="Hello")

    assert failed.get(timeout=10).code == "NetworkError"
    assert requested.get(timeout=10).type == REQUESTED


def test_asyncio_tells_too(fake: FakeSidecar) -> None:
    async def renders() -> PromptEvent:
        async with fake.async_client() as client:
            heard: queue.Queue[PromptEvent] = queue.Queue()

            async def hear(event: PromptEvent) -> None:
                await asyncio.sleep(0)
                heard.put(event)

            client.subscribe(COMPLETED, hear)
            await client.render_prompt("greeting", ADA)
            return await asyncio.to_thread(heard.get, timeout=10)

    assert asyncio.run(renders()).prompt_id == "greeting"


def test_a_subscriber_that_fails_disturbs_nobody(client: SyncPromptOpsClient) -> None:
    def fail(event: PromptEvent) -> None:
        raise ValueError(event.prompt_id)

    client.subscribe(COMPLETED, fail)
    heard = told(client, COMPLETED)

    answers = [client.render_prompt("greeting", ADA) for _ in range(3)]

    assert len([heard.get(timeout=10) for _ in answers]) == 3
    wait_until(lambda: client.get_stats().events_failed == 3)


def test_a_subscriber_that_hangs_misses_some_and_holds_no_render_up(client: SyncPromptOpsClient) -> None:
    begun, ended = threading.Event(), threading.Event()

    def hang(event: PromptEvent) -> None:
        begun.set()
        ended.wait(60)

    client.subscribe(COMPLETED, hang)
    client.render_prompt("greeting", ADA)
    begun.wait(10)

    for _ in range(MAX_QUEUED + 5):
        client.render_prompt("greeting", ADA)

    assert client.get_stats().events_missed == 5
    ended.set()


@pytest.mark.parametrize("queued", [0, 1, MAX_QUEUED, MAX_QUEUED + 1])
def test_no_thread_outlives_its_client_however_much_is_queued(fake: FakeSidecar, queued: int) -> None:
    hangs = threading.Event()
    told: list[threading.Thread] = []

    def hang(event: PromptEvent) -> None:
        told.append(threading.current_thread())
        hangs.wait(60)

    with fake.client() as client:
        client.subscribe(COMPLETED, hang)
        client.render_prompt("greeting", ADA)
        wait_until(lambda: len(told) == 1)
        for _ in range(queued):
            client.render_prompt("greeting", ADA)
    hangs.set()

    told[0].join(60)
    assert not told[0].is_alive()
    assert len(told) == 1 + min(queued, MAX_QUEUED)


def test_who_has_unsubscribed_hears_no_more(client: SyncPromptOpsClient) -> None:
    heard: list[PromptEvent] = []
    others: queue.Queue[PromptEvent] = told(client, REQUESTED)
    unsubscribe = client.subscribe(REQUESTED, heard.append)

    unsubscribe()
    client.render_prompt("greeting", ADA)

    assert others.get(timeout=10).type == REQUESTED
    assert heard == []


@pytest.mark.parametrize(("event_type", "handler"), [("prompt.render", print), (COMPLETED, "print"), ([], print)])
def test_a_subscription_that_cannot_be(client: SyncPromptOpsClient, event_type: Any, handler: Any) -> None:
    with pytest.raises(ConfigurationError):
        client.subscribe(event_type, handler)


def test_a_subscription_outlives_other_settings(client: SyncPromptOpsClient) -> None:
    heard = told(client, COMPLETED)
    client.update_config(timeout_seconds=1.0)

    client.render_prompt("greeting", ADA)

    assert heard.get(timeout=10).type == COMPLETED
