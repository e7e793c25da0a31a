"""What a sidecar counts, and what counting costs."""

from __future__ import annotations

import asyncio

from promptops.telemetry.exposition import Exposition
from promptops.telemetry.sidecar import SidecarMetrics
from tests.support.growth import Work, assert_linear


async def written(metrics: SidecarMetrics) -> str:
    body, _ = await metrics.exposition(lambda: None)("")
    return body.decode()


async def test_series_of_a_prompt_go_with_it() -> None:
    metrics = SidecarMetrics()
    for prompt in ("kept", "gone", ""):
        metrics.prompts.succeeded(prompt, 0.001)
        metrics.prompts.failed(prompt, "InvalidVariables")
        metrics.prompts.failed(prompt, "PromptUnavailable", missed=True)

    metrics.prompts.forget({"kept"})

    text = await written(metrics)
    assert 'prompt="gone"' not in text
    assert 'promptops_renders_total{code="InvalidVariables",outcome="failure",prompt="kept"} 1.0' in text
    assert 'promptops_renders_total{code="InvalidVariables",outcome="failure",prompt=""} 1.0' in text


def test_forgetting_is_linear() -> None:
    def forgetting(size: int) -> Work:
        metrics = SidecarMetrics()

        def work() -> None:
            for number in range(size):
                metrics.prompts.succeeded(f"p{number}", 0.001)
            metrics.prompts.forget(())

        return work

    assert_linear(forgetting, 400)


async def test_a_scrape_is_written_once_for_everybody_who_asks_meanwhile() -> None:
    observed = []
    exposition = SidecarMetrics().exposition(lambda: observed.append(1))

    first, second = asyncio.create_task(_body(exposition)), asyncio.create_task(_body(exposition))

    assert await first is await second
    assert len(observed) == 1


async def _body(exposition: Exposition) -> bytes:
    return (await exposition(""))[0]
