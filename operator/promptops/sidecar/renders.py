"""Renders over HTTP: one, or many answered item by item. What takes long is done beside the loop, one caller's after the other's."""

import asyncio
import time
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import msgspec
import structlog

from promptops.api import reasons
from promptops.api.http import (
    MAX_BATCH_OUTPUT_BYTES,
    REQUEST_ID_HEADER,
    BatchItem,
    BatchRequest,
    BatchResult,
    Problem,
    RenderRequest,
    RenderResponse,
)
from promptops.reader.answers import Answers, Attempt
from promptops.reader.requests import read_strictly
from promptops.rendering.errors import InvalidInput, PromptError
from promptops.sidecar.counting import Traces
from promptops.sidecar.events import EventHub
from promptops.telemetry.rendered import RenderTrace
from promptops.web.answers import SAFE, Answer
from promptops.web.problems import internal_error, problem_of
from promptops.web.requests import Head

LARGE_BYTES: Final = 16 * 1024
"""A render of a smaller body takes less than handing it to a thread and back is worth."""
TURN_SECONDS: Final = 0.005
"""So long a batch goes on before others that need the thread have their turn."""
NO_STORE: Final = (("cache-control", "no-store"), *SAFE)
JSON: Final = "application/json"
_ENCODER = msgspec.json.Encoder()
_REQUEST_ID: Final = REQUEST_ID_HEADER.encode()
_log = structlog.get_logger()


class _Done(NamedTuple):
    """An item, what came of it, and that as it is sent."""

    item: BatchItem
    attempt: Attempt | None
    """None: a fault of ours."""
    encoded: bytes


class _Batch(msgspec.Struct, frozen=True):
    """promptops.api.http.BatchResponse, items encoded."""

    items: list[msgspec.Raw]
    succeeded: int
    failed: int


class Renders:
    """Renders, counts, and tells whoever listens."""

    def __init__(
        self, answers: Answers, hub: EventHub, worker: ThreadPoolExecutor, traces: Traces | None = None
    ) -> None:
        """`worker` has one thread, which may be shared."""
        self._answers = answers
        self._hub = hub
        self._worker = worker
        self._traces = traces

    def one(self, prompt_id: str, body: bytes, head: Head) -> Answer | Awaitable[Answer]:
        """Answer POST /v1/prompts/{id}/render."""
        if len(body) >= LARGE_BYTES:
            return self._beside(prompt_id, body, head)
        attempt = self._answers.attempt(prompt_id, body)
        self._tell(prompt_id, attempt, head)
        return Answer(200, _ENCODER.encode(self._answers.settle(attempt)), JSON, NO_STORE)

    async def of_face(self, prompt_id: str, request: RenderRequest, head: Head, size: int) -> RenderResponse:
        """Render for another face, which was asked with so many bytes. Raises PromptError."""
        if size >= LARGE_BYTES:
            loop = asyncio.get_running_loop()
            attempt = await loop.run_in_executor(self._worker, self._answers.attempt_read, prompt_id, request)
        else:
            attempt = self._answers.attempt_read(prompt_id, request)
        self._tell(prompt_id, attempt, head)
        return self._answers.settle(attempt)

    async def batch(self, body: bytes, head: Head) -> Answer:
        """Answer POST /v1/render/batch. Raises InvalidInput when the batch as a whole cannot be read."""
        loop = asyncio.get_running_loop()
        items = (await loop.run_in_executor(self._worker, read_strictly, body, BatchRequest)).items
        done: list[_Done] = []
        size = 0
        while len(done) < len(items):
            some = await loop.run_in_executor(self._worker, self._some, items, len(done), size)
            done += some
            size += sum(len(each.encoded) for each in some)
            for each in some:
                self._settle(each, head)
        succeeded = sum(each.attempt is not None and _is_answered(each.attempt) for each in done)
        answered = _Batch([msgspec.Raw(each.encoded) for each in done], succeeded, len(done) - succeeded)
        encoded = await loop.run_in_executor(self._worker, _ENCODER.encode, answered)
        return Answer(200, encoded, JSON, NO_STORE)

    async def _beside(self, prompt_id: str, body: bytes, head: Head) -> Answer:
        loop = asyncio.get_running_loop()
        attempt, encoded = await loop.run_in_executor(self._worker, self._attempted, prompt_id, body)
        self._tell(prompt_id, attempt, head)
        self._answers.settle(attempt)
        return Answer(200, encoded, JSON, NO_STORE)

    def _attempted(self, prompt_id: str, body: bytes) -> tuple[Attempt, bytes]:
        attempt = self._answers.attempt(prompt_id, body)
        return attempt, _ENCODER.encode(attempt.outcome) if _is_answered(attempt) else b""

    def _some(self, items: tuple[BatchItem, ...], at: int, size: int) -> list[_Done]:
        """Render those from `at` on, for one turn. `size`: of what was answered before."""
        until, done = time.perf_counter() + TURN_SECONDS, [self._item(items[at], size)]
        while at + len(done) < len(items) and time.perf_counter() < until:
            size += len(done[-1].encoded)
            done.append(self._item(items[at + len(done)], size))
        return done

    def _item(self, item: BatchItem, size: int) -> _Done:
        try:
            if size > MAX_BATCH_OUTPUT_BYTES:
                attempt = Attempt("", None, _too_much(), item)
            else:
                attempt = self._answers.attempt_read(item.prompt_id, item)
        except Exception:
            _log.exception("an item of a batch failed")
            return _Done(item, None, _refused(item, internal_error()))
        if isinstance(attempt.outcome, PromptError):
            return _Done(item, attempt, _refused(item, problem_of(attempt.outcome)))
        return _Done(item, attempt, _ENCODER.encode(BatchResult(item.prompt_id, 200, answer=attempt.outcome)))

    def _settle(self, done: _Done, head: Head) -> None:
        if done.attempt is None:
            return
        self._tell(done.item.prompt_id, done.attempt, head)
        try:
            self._answers.settle(done.attempt)
        except PromptError:
            return  # it is counted, and stands in the item's result

    def _tell(self, prompt_id: str, attempt: Attempt, head: Head) -> None:
        if self._hub.wants_renders:
            self._hub.rendered(prompt_id, attempt, head.header(_REQUEST_ID)[:64])
        if self._traces is not None:
            self._traces.rendered(
                _trace_of(prompt_id, attempt), head.header(b"traceparent"), head.header(b"tracestate")
            )


def _trace_of(prompt_id: str, attempt: Attempt) -> RenderTrace:
    outcome = attempt.outcome
    if isinstance(outcome, PromptError):
        return RenderTrace(prompt_id, attempt.prompt, None, attempt.digest, outcome.reason, 0.0)
    version, digest = outcome.version or None, outcome.digest or None
    code = attempt.instead_of.reason if attempt.instead_of is not None else None
    return RenderTrace(prompt_id, attempt.prompt, version, digest, code, outcome.processing_time_ms)


def _is_answered(attempt: Attempt) -> bool:
    return not isinstance(attempt.outcome, PromptError)


def _refused(item: BatchItem, problem: Problem) -> bytes:
    return _ENCODER.encode(BatchResult(item.prompt_id, problem.status, problem=problem))


def _too_much() -> InvalidInput:
    detail = f"the answers of this batch have more than {MAX_BATCH_OUTPUT_BYTES // 1024} KiB together; ask for fewer"
    return InvalidInput(detail, reasons.OUTPUT_TOO_LARGE)
