"""Renders counted by content digest, and which of them the origin has not heard of yet."""

from bisect import bisect_left
from collections.abc import Container, Iterable
from itertools import islice

from promptops.api.feed import LATENCY_BUCKETS_SECONDS, MAX_COUNT, MAX_REPORTED_RENDERS, RenderCounters


class _Counters:
    __slots__ = ("buckets", "failed", "succeeded")

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.buckets = [0] * (len(LATENCY_BUCKETS_SECONDS) + 1)

    @property
    def total(self) -> int:
        return self.succeeded + self.failed


class Tally:
    """Cumulative counters since the process started."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counters] = {}
        self._changed: dict[str, None] = {}
        """Digests the origin has to hear of, the one that waits for longest first."""
        self._sent: dict[str, int] = {}
        """Digest → its total when it was sent last."""

    def succeeded(self, digest: str, seconds: float) -> None:
        """Count a render that was answered."""
        counters = self._of(digest)
        counters.succeeded += 1
        counters.buckets[bisect_left(LATENCY_BUCKETS_SECONDS, seconds)] += 1

    def failed(self, digest: str) -> None:
        """Count a render of this content that was refused."""
        self._of(digest).failed += 1

    def told(self, digest: str, succeeded: int, failed: int, buckets: Iterable[int]) -> None:
        """Count renders that were done elsewhere, those that succeeded also by LATENCY_BUCKETS_SECONDS."""
        counters = self._of(digest)
        counters.succeeded += succeeded
        counters.failed += failed
        for index, many in enumerate(buckets):
            counters.buckets[index] += many

    def forget(self, held: Container[str]) -> None:
        """Drop the counters of content that is no longer held."""
        self._counters = {digest: counters for digest, counters in self._counters.items() if digest in held}
        self._changed = {digest: None for digest in self._changed if digest in held}
        self._sent = {digest: total for digest, total in self._sent.items() if digest in held}

    def changes(self, limit: int = MAX_REPORTED_RENDERS) -> tuple[RenderCounters, ...]:
        """Return what a report carries: the counters that changed, as many as there is room for."""
        digests = tuple(islice(self._changed, limit))
        self._sent = {digest: self._counters[digest].total for digest in digests}
        return tuple(_reported(digest, self._counters[digest]) for digest in digests)

    def acknowledged(self) -> None:
        """The origin has taken what was sent last. What changed meanwhile waits behind the others."""
        for digest, total in self._sent.items():
            if self._changed.pop(digest, _ABSENT) is None and self._counters[digest].total != total:
                self._changed[digest] = None
        self._sent = {}

    def again(self) -> None:
        """The origin knows nothing of what was acknowledged: everything is news to it."""
        self._changed, self._sent = dict.fromkeys(self._counters), {}

    def _of(self, digest: str) -> _Counters:
        self._changed[digest] = None
        counters = self._counters.get(digest)
        if counters is None:
            counters = self._counters[digest] = _Counters()
        return counters


_ABSENT = object()


def _reported(digest: str, counters: _Counters) -> RenderCounters:
    # Each process next door may have told of as many as can be told of: all together are no more than that.
    succeeded, failed, *buckets = (
        min(count, MAX_COUNT) for count in (counters.succeeded, counters.failed, *counters.buckets)
    )
    return RenderCounters(digest, succeeded, failed, tuple(buckets))
