"""A task that ends is started again, and everybody can see it; a loop that is held is told of."""

from __future__ import annotations

import asyncio
import time

import pytest

from promptops.telemetry import supervision
from promptops.telemetry.loop import watch
from promptops.telemetry.sidecar import SidecarMetrics
from promptops.telemetry.supervision import Supervisor
from tests.support.waiting import until


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_SHORTEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "WELL_SECONDS", 0.1)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(OSError("x"), "failed with OSError and was started again", id="an error"),
        pytest.param(
            ExceptionGroup("x", [OSError("x"), ExceptionGroup("y", [KeyError("y"), OSError("z")])]),
            "failed with KeyError, OSError and was started again",
            id="several at once",
        ),
        pytest.param(None, "ended and was started again", id="an end without one"),
    ],
)
async def test_a_task_that_ends_is_started_again(error: Exception | None, said: str) -> None:
    metrics, runs = SidecarMetrics(), 0
    supervisor = Supervisor(metrics.process)

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs > 2:
            await asyncio.Event().wait()
        if error is not None:
            raise error

    keeping = asyncio.create_task(supervisor.keep("feed", run))
    await until(lambda: runs == 2)
    problems = dict(supervisor.problems)
    await until(lambda: runs == 3)

    assert problems == {"feed": said}
    await until(lambda: not supervisor.problems)
    body, _ = await metrics.exposition(lambda: None)("")
    assert b'promptops_task_restarts_total{task="feed"} 2.0' in body
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_a_held_loop_is_told_of() -> None:
    held: list[float] = []
    watching = asyncio.create_task(watch(held.append))
    await asyncio.sleep(0)

    time.sleep(0.3)  # noqa: ASYNC251 - what is to be noticed
    await until(lambda: held)

    assert max(held) >= 0.2
    watching.cancel()
