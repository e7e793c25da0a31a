"""Counts renders where a sidecar's are counted: for whoever scrapes, for whoever asks, and for the reports to the origin."""

from collections.abc import Container
from typing import Protocol

from promptops.api.observed import FeedbackRequest
from promptops.cache.view import View
from promptops.reader.answers import RenderObserver
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.telemetry.rendered import RenderTrace


class RenderMetrics(Protocol):
    """What is scraped of renders."""

    def succeeded(self, prompt: str, seconds: float) -> None:
        """Count a render that was answered."""

    def failed(self, prompt: str, code: str, *, missed: bool = False) -> None:
        """Count a render that was refused; `missed`: the content is not held."""

    def fell_back(self, prompt: str, code: str) -> None:
        """Count one of those that failed and was answered with what stands in for the prompt."""

    def judged(self, prompt: str, outcome: str) -> None:
        """Count what came of a render."""

    def forget(self, held: Container[str]) -> None:
        """Drop what is counted of prompts that are no longer held."""


class Traces(Protocol):
    """Tells of renders, one by one, whoever collects traces."""

    def rendered(self, render: RenderTrace, traceparent: str, tracestate: str) -> None:
        """Tell of a render, and in which trace of its caller it was."""


class Counting(RenderObserver):
    """Counts renders for whoever scrapes, whoever asks, and the origin."""

    def __init__(
        self, metrics: RenderMetrics, tally: Tally, statistics: RenderStatistics, traces: Traces | None = None
    ) -> None:
        """`traces`: None when nobody collects them, which costs nothing."""
        self.statistics = statistics
        self.traces = traces
        self._metrics = metrics
        self._tally = tally

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """Count a render that was answered."""
        self._metrics.succeeded(prompt, seconds)
        self.statistics.succeeded(prompt, seconds)
        self._tally.succeeded(digest, seconds)

    def failed(self, prompt: str, digest: str | None, reason: str, *, missed: bool) -> None:
        """Count a render that was not answered with what is served."""
        self._metrics.failed(prompt, reason, missed=missed)
        self.statistics.failed(prompt, reason, missed=missed)
        if digest is not None:
            self._tally.failed(digest)

    def fell_back(self, prompt: str, reason: str) -> None:
        """Count one of those that failed and was answered with what stands in for the prompt."""
        self._metrics.fell_back(prompt, reason)
        self.statistics.fell_back(prompt)

    def judged(self, prompt: str, feedback: FeedbackRequest) -> bool:
        """Count what came of a render; return whether it is the first that is said of it."""
        is_first = self.statistics.judged(prompt, feedback)
        if is_first:
            self._metrics.judged(prompt, feedback.outcome)
        return is_first

    def forget(self, view: View) -> None:
        """Drop what was counted of what is no longer held."""
        self._metrics.forget(view.entries)
        self.statistics.forget(view.entries)
        self._tally.forget(view.blobs)
