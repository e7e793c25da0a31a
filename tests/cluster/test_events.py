"""Events on a real API server: told once, counted when repeated, and never in anybody's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.events import EventRecorder
from promptops.cluster.objects import Objects
from promptops.cluster.resources import PROMPTS
from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from promptops.domain.snapshot import Transition
from tests.support.manifests import placed, prompt
from tests.support.waiting import until

pytestmark = pytest.mark.cluster

ACTIVATED = Transition("Normal", "Activated", "version 1.0.0 is served")
INVALID = Transition("Warning", "SourceInvalid", "x" * 3000)


@pytest.fixture
async def recorder(client: Client) -> AsyncIterator[EventRecorder]:
    made = EventRecorder(client, "operator-0")
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()


@pytest.fixture
async def about(objects: Objects, namespace: str) -> dict[str, Any]:
    return await objects.create(PROMPTS, placed(prompt("greeting", activeVersion="1.0.0"), namespace))


async def events(plane: Plane, namespace: str, *counts: int) -> list[dict[str, Any]]:
    """Wait until there are Events with these counts; return them, the oldest first."""

    def found() -> list[dict[str, Any]]:
        listed = plane.kubectl("-n", namespace, "get", "events", "-o", "json").stdout
        return sorted(json.loads(listed)["items"], key=lambda each: str(each["metadata"]["creationTimestamp"]))

    await until(lambda: sorted(each["count"] for each in found()) == sorted(counts), found)
    return found()


async def test_a_transition_is_an_event_on_its_object(
    recorder: EventRecorder, about: dict[str, Any], namespace: str, kinds: Plane
) -> None:
    recorder.record(about, ACTIVATED)

    (event,) = await events(kinds, namespace, 1)

    assert (event["type"], event["reason"], event["message"]) == ("Normal", "Activated", "version 1.0.0 is served")
    assert event["involvedObject"]["uid"] == about["metadata"]["uid"]
    assert event["source"] == {"component": "promptops", "host": "operator-0"}
    assert "Activated" in kinds.kubectl("-n", namespace, "describe", "prompt", "greeting").stdout


async def test_the_same_thing_again_is_counted(
    recorder: EventRecorder, about: dict[str, Any], namespace: str, kinds: Plane
) -> None:
    for _ in range(3):
        recorder.record(about, ACTIVATED)
    recorder.record(about, INVALID)

    told = {each["reason"]: each for each in await events(kinds, namespace, 3, 1)}

    assert told["Activated"]["count"] == 3
    assert len(told["SourceInvalid"]["message"].encode()) == 1024


async def test_what_cannot_be_written_is_dropped_and_the_next_one_is_not(
    recorder: EventRecorder, about: dict[str, Any], namespace: str, kinds: Plane
) -> None:
    recorder.record({**about, "metadata": {**about["metadata"], "namespace": "there-is-none"}}, ACTIVATED)
    recorder.record(about, ACTIVATED)

    assert len(await events(kinds, namespace, 1)) == 1


async def test_recording_never_waits(kinds: Plane, about: dict[str, Any]) -> None:
    connection = await Connection.open(kinds.kubeconfig)
    connection.configuration.host = f"https://127.0.0.1:{free_ports(1)[0]}"
    client = Client(connection)
    recorder = EventRecorder(client, "operator-0")

    for _ in range(5000):
        recorder.record(about, ACTIVATED)

    await client.close()
