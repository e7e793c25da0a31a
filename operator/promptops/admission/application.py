"""The webhook's two paths. A fault of ours lets the object through and says so: the operator looks at it anyway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from promptops.admission.judges import Judges
from promptops.admission.reviews import Asked, Verdict, answer_to, question_in
from promptops.admission.verdicts import with_sidecar
from promptops.domain.injection.parameters import Parameters
from promptops.telemetry.admission import AdmissionMetrics
from promptops.web.answers import SAFE, Answer, Application, TakenRequest
from promptops.web.problems import HttpRefusal, no_such_route, wrong_method
from promptops.web.requests import Head

VALIDATE: Final = "/validate"
INJECT: Final = "/inject"
MAX_BODY_BYTES: Final = 3 * 1024 * 1024
"""Old and new object, each as large as etcd takes."""
ANSWER_SECONDS: Final = 1.5
"""Less than the API server waits (2 s): who waits longer hears nothing at all."""
_UNCHECKED: Final = "PromptOps could not look at this in time; its operator does, and says in the status what is wrong"

_log = structlog.get_logger()


def admission_app(
    parameters: Callable[[], Parameters | None], judges: Judges, metrics: AdmissionMetrics
) -> Application:
    """Return the application. `parameters` says what sidecars need to know; None while that is not known."""
    # Not the loop's own threads: a large pod is written while probes and other questions are answered.
    pool = ThreadPoolExecutor(1, thread_name_prefix="admission")

    async def validating(_: Asked, body: bytes) -> Verdict:
        return await judges.verdict(body)

    async def injecting(asked: Asked, _: bytes) -> Verdict:
        known = parameters()
        if known is None:
            return Verdict(warnings=("no sidecar was injected: the operator has not said yet what it needs to know",))
        return await asyncio.get_running_loop().run_in_executor(pool, with_sidecar, asked, known)

    verdicts: dict[str, Callable[[Asked, bytes], Awaitable[Verdict]]] = {VALIDATE: validating, INJECT: injecting}

    async def answer(path: str, body: bytes) -> Answer:
        started = time.perf_counter()
        try:
            asked = question_in(body)
        except HttpRefusal:
            metrics.reviewed(path, "malformed", time.perf_counter() - started)
            raise
        verdict, outcome = await _within_time(verdicts[path](asked, body), asked)
        metrics.reviewed(path, outcome, time.perf_counter() - started)
        return Answer(200, answer_to(asked, verdict), "application/json", SAFE)

    def take(head: Head) -> TakenRequest:
        if head.path not in verdicts:
            raise no_such_route(head.path)
        if head.method != "POST":
            raise wrong_method(("POST",))
        # The API server puts its own timeout behind a question mark.
        return TakenRequest(lambda body: answer(head.path, body), limit=MAX_BODY_BYTES)

    return take


async def _within_time(deciding: Awaitable[Verdict], asked: Asked) -> tuple[Verdict, str]:
    """Return the verdict and how it came out, for metrics. What goes wrong here refuses nothing."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            verdict = await deciding
    except Exception as error:
        # Of the object not a word: it is a prompt.
        _log.error("review failed", operation=asked.operation, namespace=asked.namespace, error=type(error).__name__)
        return Verdict(warnings=(_UNCHECKED,)), "failed"
    return verdict, _outcome(verdict)


def _outcome(verdict: Verdict) -> str:
    if verdict.refusal:
        return "refused"
    if verdict.patch:
        return "injected"
    return "warned" if verdict.warnings else "allowed"
