"""What a client has done since it was made, counted where the application is."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from promptops.api.feed import LATENCY_BUCKETS_SECONDS
from promptops.client.breaker import CircuitState
from promptops.client.outliers import EndpointStatistics
from promptops.reader.statistics import quantile_ms

_LEAST_GATHERED: Final = 64


@dataclass(frozen=True)
class ClientStatistics:
    """Renders of one client, in this process. Times are milliseconds, as the application waited."""

    seconds: float
    """For how long it has been counted."""
    total: int
    succeeded: int
    failed: int
    fallbacks: int
    """Answered with the application's own words; they count as failed."""
    retries: int
    """Attempts after the first, of all calls."""
    local: int
    """Rendered in this process."""
    error_rate: float
    average_ms: float
    p95_ms: float
    p99_ms: float
    failures: dict[str, int]
    """By error code."""
    events_missed: int
    """Events that a subscriber was too slow for."""
    events_failed: int
    """Events that a subscriber failed at."""
    circuit: CircuitState | None
    """How the breaker stands; None where there is none."""
    endpoints: tuple[EndpointStatistics, ...] = ()
    """How each of several endpoints stands; empty where there is one."""


class QuickCount:
    """Renders of one content that were answered the short way, each in less than the least bucket has room for, or nearly all."""

    __slots__ = ("answered", "closed", "seconds")

    def __init__(self) -> None:
        self.answered = 0
        self.seconds = 0.0
        self.closed = False
        """Whether no more are counted here, but those on their way."""


class CallCounts:
    """Counts. Two threads may lose a count to each other, never a call."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self.succeeded = 0
        self.local = 0
        self.fallbacks = 0
        self.retries = 0
        self._seconds = 0.0
        self._quick: list[QuickCount] = []
        self._past = QuickCount()
        """What was counted where nothing is counted any more."""
        self._most = _LEAST_GATHERED
        self._buckets = [0] * (len(LATENCY_BUCKETS_SECONDS) + 1)
        self._failures: Counter[str] = Counter()

    def count_at(self, quick: QuickCount) -> None:
        """Have renders counted there as well."""
        self._quick.append(quick)
        if len(self._quick) > self._most:
            self._gather()

    def rendered(self, seconds: float, *, local: bool) -> None:
        """Count a render that was answered."""
        self.succeeded += 1
        self.local += local
        self._seconds += seconds
        self._buckets[bisect_left(LATENCY_BUCKETS_SECONDS, seconds)] += 1

    def failed(self, code: str) -> None:
        """Count a render that was not."""
        self._failures[code] += 1

    def summary(
        self,
        circuit: CircuitState | None,
        *,
        events_missed: int = 0,
        events_failed: int = 0,
        endpoints: tuple[EndpointStatistics, ...] = (),
    ) -> ClientStatistics:
        """Return everything that was counted."""
        failed = self._failures.total()
        answered = (self._past, *self._quick)
        quick = sum(each.answered for each in answered)
        seconds = self._seconds + sum(each.seconds for each in answered)
        succeeded = self.succeeded + quick
        total = succeeded + failed
        buckets = [self._buckets[0] + quick, *self._buckets[1:]]
        return ClientStatistics(
            seconds=round(self._monotonic() - self._began, 3),
            total=total,
            succeeded=succeeded,
            failed=failed,
            fallbacks=self.fallbacks,
            retries=self.retries,
            local=self.local + quick,
            error_rate=round(failed / (total or 1), 4),
            average_ms=round(seconds / (succeeded or 1) * 1000, 4),
            p95_ms=quantile_ms(buckets, 0.95),
            p99_ms=quantile_ms(buckets, 0.99),
            failures=dict(self._failures),
            events_missed=events_missed,
            events_failed=events_failed,
            circuit=circuit,
            endpoints=endpoints,
        )

    def _gather(self) -> None:
        """Put together what is closed, once there is as much of it as of anything else."""
        for each in (each for each in self._quick if each.closed):
            self._past.answered += each.answered
            self._past.seconds += each.seconds
        self._quick = [each for each in self._quick if not each.closed]
        self._most = max(_LEAST_GATHERED, 2 * len(self._quick))
