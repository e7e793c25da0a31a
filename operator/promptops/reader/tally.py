"""Renders counted by content digest, as reports carry them to the origin."""

from bisect import bisect_left
from collections.abc import Container

from promptops.api.feed import LATENCY_BUCKETS_SECONDS, RenderCounters


class _Counters:
    __slots__ = ("buckets", "failed", "succeeded")

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.buckets = [0] * (len(LATENCY_BUCKETS_SECONDS) + 1)


class Tally:
    """Cumulative counters since the process started."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counters] = {}

    def succeeded(self, digest: str, seconds: float) -> None:
        """Count a render that was answered."""
        counters = self._of(digest)
        counters.succeeded += 1
        counters.buckets[bisect_left(LATENCY_BUCKETS_SECONDS, seconds)] += 1

    def failed(self, digest: str) -> None:
        """Count a render of this content that was refused."""
        self._of(digest).failed += 1

    def forget(self, held: Container[str]) -> None:
        """Drop the counters of content that is no longer held."""
        self._counters = {digest: counters for digest, counters in self._counters.items() if digest in held}

    def counters(self) -> tuple[RenderCounters, ...]:
        """Return the counters as a report carries them, ordered by digest."""
        return tuple(
            RenderCounters(digest, counters.succeeded, counters.failed, tuple(counters.buckets))
            for digest, counters in sorted(self._counters.items())
        )

    def _of(self, digest: str) -> _Counters:
        counters = self._counters.get(digest)
        if counters is None:
            counters = self._counters[digest] = _Counters()
        return counters
