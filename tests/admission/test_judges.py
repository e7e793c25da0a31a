"""Judging an object that takes too long, or kills whoever judges it, costs one process and nobody else's answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import psutil
import pytest

from promptops.admission import application
from promptops.admission.application import admission_app
from promptops.admission.judges import WORKERS, Judges
from promptops.admission.reviews import Verdict
from promptops.telemetry.admission import AdmissionMetrics
from promptops.trials.process import WorkFailed
from tests.support.manifests import sourced
from tests.support.serving import served
from tests.support.waiting import until

HANGING = "tests.admission.hanging"


def question(**of: object) -> bytes:
    request = {"uid": "1", "operation": "CREATE", "object": of}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


@pytest.fixture
async def judges() -> AsyncIterator[Judges]:
    made = Judges(HANGING)
    await made.start()
    yield made
    await made.close()


def processes() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if HANGING in " ".join(_command(each))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_what_takes_too_long_ends_with_its_process(judges: Judges) -> None:
    before = {each.pid for each in processes()}

    for _ in range(2 * WORKERS):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await judges.verdict(question(does="hang"))

    assert await judges.verdict(question()) == Verdict(warnings=("judged",))
    await until(lambda: before.isdisjoint(each.pid for each in processes()))
    await until(lambda: all(each.cpu_percent(0.05) < 50 for each in processes()), "nothing goes on")


async def test_who_waits_for_its_turn_and_gives_up_ends_nobody(judges: Judges) -> None:
    hanging = [asyncio.create_task(judges.verdict(question(does="hang"))) for _ in range(WORKERS)]
    before = {each.pid for each in processes()}

    late = asyncio.create_task(judges.verdict(question()))
    await asyncio.wait((late,), timeout=0.2)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)

    assert late.cancelled()
    assert {each.pid for each in processes()} == before
    for each in hanging:
        each.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_what_kills_its_process_fails_alone(judges: Judges) -> None:
    with pytest.raises(WorkFailed):
        await judges.verdict(question(does="die"))

    assert await judges.verdict(question()) == Verdict(warnings=("judged",))


async def test_the_api_server_is_answered_in_time_and_the_next_one_is_judged(
    judges: Judges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "ANSWER_SECONDS", 0.3)
    async with (
        served(admission_app(lambda: None, judges, AdmissionMetrics())) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as http,
    ):
        asked = [http.post("/validate", content=question(does="hang")) for _ in range(3 * WORKERS)]
        answers = [each.json()["response"] for each in await asyncio.gather(*asked)]
        monkeypatch.setattr(application, "ANSWER_SECONDS", 30.0)
        after = (await http.post("/validate", content=question())).json()["response"]

    assert {each["allowed"] for each in answers} == {True}
    assert all("could not look at this in time" in each["warnings"][0] for each in answers)
    assert after["warnings"] == ["judged"]


async def test_the_real_ones_say_what_is_wrong() -> None:
    judges = Judges()
    await judges.start()

    verdict = await judges.verdict(question(**sourced("a", "Hello\n{{ nme }}")))

    assert 'line 2, column 4: variable "nme" is not declared' in verdict.refusal
    await judges.close()
