"""Renders as the application's own OpenTelemetry sees them: a span for each, a counter and a histogram, with the names that the sidecar's have.

Told to the providers that the application has set up, which export them with everything else of it. Ids, versions, digests and
codes stand in them, and nothing that an author or a caller wrote. Needs the package opentelemetry-api.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from promptops.api import reasons
from promptops.api.http import BatchResult, RenderResponse
from promptops.client.errors import PromptOpsError, TelemetryError
from promptops.rendering.selection import is_prompt_id

MAX_PROMPTS: Final = 10_000
"""Prompts that are told apart in metrics."""
_SCOPE: Final = "promptops.client"
_RENDER: Final = "render"
_BATCH: Final = "batch"


@dataclass(frozen=True)
class TelemetryConfig:
    """What is told of renders, to whom. While anything is, a render in the process takes tens of microseconds instead of a few."""

    enabled: bool = False
    sample_rate: float = 1.0
    """The share of renders that get a span, from 0 to 1; all of them are counted."""
    tracer_provider: Any = None
    """None: the one that the application has set globally."""
    meter_provider: Any = None
    """None: the one that the application has set globally."""


@dataclass
class Traced:
    """One render that somebody wants to hear of."""

    span: Any = None
    """None: it is not sampled."""
    answer: RenderResponse | None = None
    code: str = ""
    """Why it was not answered with what is served; empty when it was."""

    def answered(self, answer: RenderResponse) -> RenderResponse:
        """Take note of the answer, and return it. What stands in for a prompt is a failure of it."""
        self.answer = answer
        self.code = reasons.FALLBACK if answer.source == "fallback" else ""
        return answer


@dataclass
class TracedBatch:
    """One batch that somebody wants to hear of."""

    results: tuple[BatchResult, ...] = ()

    def answered(self, results: tuple[BatchResult, ...]) -> tuple[BatchResult, ...]:
        """Take note of what became of each item, and return it."""
        self.results = results
        return results


class Telemetry:
    """Tells of the renders of one client. Safe for threads and tasks."""

    def __init__(self, config: TelemetryConfig) -> None:
        """Raises TelemetryError when there is nobody to be told."""
        self.config = config
        self._known: set[str] = set()
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise TelemetryError(
                "telemetry is enabled, and the package opentelemetry-api is not installed: install it, or leave telemetry.enabled off"
            ) from error
        self._status, self._error = trace.Status, trace.StatusCode.ERROR
        tracers = config.tracer_provider or trace.get_tracer_provider()
        meters = config.meter_provider or metrics.get_meter_provider()
        try:
            self._tracer, meter = tracers.get_tracer(_SCOPE), meters.get_meter(_SCOPE)
        except AttributeError as error:
            raise TelemetryError(f"telemetry has a provider that is none of OpenTelemetry's: {error}") from error
        self._kind = trace.SpanKind.CLIENT
        self._processed = meter.create_counter(
            "promptops.prompts.processed", description="Renders, by prompt and success."
        )
        self._duration = meter.create_histogram(
            "promptops.prompt.duration", unit="ms", description="Time from the call to its answer."
        )

    @contextmanager
    def render(self, prompt_id: Any) -> Iterator[Traced]:
        """Tell of the render that the block is. What it asks a sidecar belongs to its span."""
        began, traced = time.perf_counter(), Traced()
        named = prompt_id if isinstance(prompt_id, str) and is_prompt_id(prompt_id) else ""
        with self._span(_RENDER, {"prompt.id": named}) as traced.span:
            try:
                yield traced
            except PromptOpsError as error:
                traced.code = error.error_code
                raise
            finally:
                self._tell(prompt_id, traced, (time.perf_counter() - began) * 1000)

    @contextmanager
    def batch(self) -> Iterator[TracedBatch]:
        """Tell of the batch that the block is: one span, and each item counted by its prompt. One that fails as a whole counts once."""
        began, traced, labels = time.perf_counter(), TracedBatch(), {"prompt.id": "", "operation.type": _BATCH}
        with self._span(_BATCH, {}) as span:
            try:
                yield traced
            except PromptOpsError as error:
                self._processed.add(1, {**labels, "success": False})
                self._end(span, {"success": False, "error.message": error.error_code}, error.error_code)
                raise
            self._duration.record((time.perf_counter() - began) * 1000, labels)
            failed = sum(not self._count(result) for result in traced.results)
            self._end(span, {"success": True, "batch.items": len(traced.results), "batch.failed": failed}, "")

    def _count(self, result: BatchResult) -> bool:
        """Count an item; return whether it was answered with what is served."""
        served = result.answer is not None and result.answer.source != "fallback"
        labels = {"prompt.id": self._label(result.prompt_id, result.answer), "operation.type": _BATCH}
        self._processed.add(1, {**labels, "success": served})
        return served

    def _span(self, operation: str, attributes: dict[str, str]) -> AbstractContextManager[Any]:
        if random.random() >= self.config.sample_rate:  # noqa: S311 - sampling
            return nullcontext()
        span: AbstractContextManager[Any] = self._tracer.start_as_current_span(
            f"promptops.{operation}",
            kind=self._kind,
            attributes={**attributes, "operation.type": operation},
            record_exception=False,
            set_status_on_exception=False,
        )
        return span

    def _end(self, span: Any, said: dict[str, str | bool | int], code: str) -> None:
        if span is None:
            return
        span.set_attributes(said)
        if code:
            span.set_status(self._status(self._error, code))

    def _tell(self, prompt_id: Any, traced: Traced, milliseconds: float) -> None:
        """Count it and end its span. One that was cancelled came to nothing, and nothing is said of it."""
        code = traced.code
        if not code and traced.answer is None:
            return
        labels = {"prompt.id": self._label(prompt_id, traced.answer), "operation.type": _RENDER}
        self._processed.add(1, {**labels, "success": not code})
        if not code:
            self._duration.record(milliseconds, labels)
        self._end(traced.span, _said(traced), code)

    def _label(self, prompt_id: Any, answer: RenderResponse | None) -> str:
        """Return what stands for a prompt: its id once it was answered, for a caller may ask for anything."""
        if answer is not None and answer.version and len(self._known) < MAX_PROMPTS:
            self._known.add(prompt_id)
        return prompt_id if isinstance(prompt_id, str) and prompt_id in self._known else ""


def _said(traced: Traced) -> dict[str, str | bool | int]:
    answer = traced.answer
    named = answer is not None and answer.version
    return {
        "success": not traced.code,
        **({"error.message": traced.code} if traced.code else {}),
        **(
            {"gen_ai.prompt.name": answer.prompt_id, "gen_ai.prompt.version": answer.version}
            if answer and named
            else {}
        ),
        **({"promptops.prompt.digest": answer.digest} if answer and named else {}),
    }
