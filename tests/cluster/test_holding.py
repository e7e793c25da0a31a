"""Events wait while changes go on coming, and go on after a while all the same."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from promptops.cluster.client import Client
from promptops.cluster.events import HOLD_SECONDS, EventRecorder
from promptops.domain.snapshot import Transition
from tests.controller.manifests import prompt
from tests.support.waiting import until

ACTIVATED = Transition("Normal", "Activated", "version 1.0.0 is served")


class Wire:
    """Where Events would go."""

    def __init__(self) -> None:
        self.calls = 0

    async def call(self, *_: Any, **__: Any) -> None:
        self.calls += 1


@pytest.mark.parametrize(
    ("passed", "is_written"),
    [
        pytest.param(0.0, False, id="while changes come"),
        pytest.param(HOLD_SECONDS, True, id="after a while all the same"),
    ],
)
async def test_events_wait_for_changes_but_not_for_ever(passed: float, is_written: bool) -> None:
    now, asked, wire = 0.0, 0, Wire()

    def is_changing() -> bool:
        nonlocal now, asked
        asked, now = asked + 1, passed
        return True

    recorder = EventRecorder(cast(Client, wire), "operator-0", lambda: now, is_changing)
    running = asyncio.create_task(recorder.run())
    recorder.record(prompt("greeting", 1), ACTIVATED)
    await until(lambda: wire.calls if is_written else asked >= 3)
    running.cancel()

    assert bool(wire.calls) is is_written
