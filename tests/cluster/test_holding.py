"""Events wait for what somebody else waits for."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from promptops.cluster.client import Client
from promptops.cluster.events import EventRecorder
from promptops.domain.snapshot import Transition
from tests.controller.manifests import prompt
from tests.support.waiting import until


class Wire:
    """Where Events would go."""

    def __init__(self) -> None:
        self.calls = 0

    async def call(self, *_: Any, **__: Any) -> None:
        self.calls += 1


async def test_events_are_written_once_nothing_holds_them() -> None:
    asked, held, wire = 0, True, Wire()

    def is_held() -> bool:
        nonlocal asked
        asked += 1
        return held

    recorder = EventRecorder(cast(Client, wire), "operator-0", is_held=is_held)
    running = asyncio.create_task(recorder.run())
    recorder.record(prompt("greeting", 1), Transition("Normal", "Activated", "version 1.0.0 is served"))
    await until(lambda: asked >= 3)
    during, held = wire.calls, False
    await until(lambda: wire.calls == 1)
    running.cancel()

    assert during == 0
