"""Counts renders where a sidecar's are counted: for whoever scrapes, for whoever asks, and for the reports to the origin."""

from promptops.api.observed import FeedbackRequest
from promptops.cache.view import View
from promptops.reader.observer import RenderObserver
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.telemetry.sidecar import SidecarMetrics


class Counting(RenderObserver):
    """Counts renders for whoever scrapes, whoever asks, and the origin."""

    def __init__(self, metrics: SidecarMetrics, tally: Tally, statistics: RenderStatistics) -> None:
        self.statistics = statistics
        self._metrics = metrics
        self._tally = tally

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """Count a render that was answered."""
        self._metrics.succeeded(prompt, seconds)
        self.statistics.succeeded(prompt, seconds)
        self._tally.succeeded(digest, seconds)

    def failed(self, prompt: str, digest: str | None, reason: str, *, missed: bool) -> None:
        """Count a render that was refused."""
        self._metrics.failed(prompt, reason, missed=missed)
        self.statistics.failed(prompt, reason, missed=missed)
        if digest is not None:
            self._tally.failed(digest)

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
