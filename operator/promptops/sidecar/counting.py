"""Counts renders where a sidecar's are counted: for whoever scrapes, and for the reports to the origin."""

from promptops.reader.observer import RenderObserver
from promptops.reader.tally import Tally
from promptops.telemetry.sidecar import SidecarMetrics


class Counting(RenderObserver):
    """Counts renders for whoever scrapes and for the origin."""

    def __init__(self, metrics: SidecarMetrics, tally: Tally) -> None:
        self._metrics = metrics
        self._tally = tally

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """Count a render that was answered."""
        self._metrics.succeeded(prompt, seconds)
        self._tally.succeeded(digest, seconds)

    def failed(self, prompt: str, digest: str | None, reason: str, *, missed: bool) -> None:
        """Count a render that was refused."""
        self._metrics.failed(prompt, reason, missed=missed)
        if digest is not None:
            self._tally.failed(digest)
