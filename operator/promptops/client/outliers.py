"""Which of several endpoints is asked, and which is left out for a while because it does not answer as the others do.

```
            failures in a row                     base_seconds × how often, most_seconds at most
  IN ────────────────────────────► EJECTED ──────────────────────────────────────────────────────► IN
```

Of those that are in, two are drawn and the one with fewer calls on the way is asked. However bad all of them are, no more than
`most_share` of them is out: what is wrong with all of them is not theirs, and the circuit breaker's business. The decisions are
pure: the clock and the lot are given.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from promptops.client.errors import UNEXPECTED_ANSWER, NetworkError, PromptOpsError, ServerError, TimeoutError

_FAILURES: Final = (NetworkError, TimeoutError, ServerError)


@dataclass(frozen=True)
class EjectionConfig:
    """When one of several endpoints is left out."""

    failures: int = 5
    """So many in a row, whatever comes from the others meanwhile."""
    base_seconds: float = 30.0
    """For so long the first time. Each time more it is so much longer; each time that it is in as long without being ejected takes one off."""
    most_seconds: float = 300.0
    """And no longer."""
    most_share: float = 0.5
    """No more than this share of the endpoints is left out at a time, from 0 to 1: one of them may be in any case, unless it is 0."""


@dataclass(frozen=True)
class EndpointStatistics:
    """How one of several endpoints stands, in this process."""

    name: str
    in_flight: int
    succeeded: int
    """Attempts that it answered, be it with a refusal."""
    failed: int
    """Attempts that it did not answer, or with a fault of its own."""
    ejections: int
    ejected_seconds: float | None
    """For how much longer it is left out; None: it is not."""


@dataclass
class _Endpoint:
    name: str
    in_flight: int = 0
    succeeded: int = 0
    failed: int = 0
    ejections: int = 0
    failures: int = 0
    """In a row."""
    times: int = 0
    """What the time of the next ejection grows with."""
    back_at: float = 0.0
    """When it is in again, or has been since."""


class Endpoints:
    """Chooses, and remembers how that ended. Safe for threads; `monotonic` is in seconds."""

    def __init__(
        self,
        names: tuple[str, ...],
        config: EjectionConfig,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[list[int], int], list[int]] = random.sample,
    ) -> None:
        """`draw`: returns so many of these, by lot."""
        self._config = config
        self._monotonic = monotonic
        self._draw = draw
        self._lock = threading.Lock()
        self._all = tuple(_Endpoint(name) for name in names)

    @contextmanager
    def call(self, tried: set[int]) -> Iterator[int]:
        """Choose for an attempt of a call that has tried these, note it there, and see how it ends."""
        chosen = self.choose(tried)
        tried.add(chosen)
        succeeded: bool | None = None
        try:
            yield chosen
            succeeded = True
        except PromptOpsError as error:
            succeeded = not _is_failure(error)
            raise
        finally:
            self.ended(chosen, succeeded=succeeded)

    def choose(self, tried: set[int]) -> int:
        """Return the endpoint to ask: one that is in, rather one that was not tried; when all are out, the one that is back first."""
        with self._lock:
            now = self._monotonic()
            are_in = [index for index, each in enumerate(self._all) if each.back_at <= now]
            if not are_in:
                chosen = min(range(len(self._all)), key=lambda index: (index in tried, self._all[index].back_at))
            else:
                rather = [index for index in are_in if index not in tried] or are_in
                drawn = self._draw(rather, min(2, len(rather)))
                chosen = min(drawn, key=lambda index: self._all[index].in_flight)
            self._all[chosen].in_flight += 1
            return chosen

    def ended(self, chosen: int, *, succeeded: bool | None) -> None:
        """Note how an attempt ended; None: it was given up, which says nothing of the endpoint."""
        with self._lock:
            endpoint, now = self._all[chosen], self._monotonic()
            endpoint.in_flight -= 1
            if succeeded:
                endpoint.succeeded += 1
                endpoint.failures = 0
                # It answers although it is out, as one of many calls on the way, or because all are out.
                endpoint.back_at = min(endpoint.back_at, now)
            elif succeeded is False:
                endpoint.failed += 1
                self._failed(endpoint, now)

    def statistics(self) -> tuple[EndpointStatistics, ...]:
        """Return how each of them stands."""
        with self._lock:
            now = self._monotonic()
            return tuple(
                EndpointStatistics(
                    each.name,
                    each.in_flight,
                    each.succeeded,
                    each.failed,
                    each.ejections,
                    round(each.back_at - now, 3) if each.back_at > now else None,
                )
                for each in self._all
            )

    def _failed(self, endpoint: _Endpoint, now: float) -> None:
        if endpoint.back_at > now:
            # It began before it was ejected, and tells nothing new.
            return
        endpoint.failures += 1
        if endpoint.failures >= self._config.failures and self._has_room(now):
            self._eject(endpoint, now)

    def _has_room(self, now: float) -> bool:
        out, share = sum(each.back_at > now for each in self._all), self._config.most_share
        return share > 0 and out < max(int(len(self._all) * share), 1)

    def _eject(self, endpoint: _Endpoint, now: float) -> None:
        well = int((now - endpoint.back_at) / self._config.base_seconds) if endpoint.ejections else 0
        endpoint.times = max(endpoint.times - well, 0) + 1
        endpoint.back_at = now + min(self._config.base_seconds * endpoint.times, self._config.most_seconds)
        endpoint.ejections += 1
        endpoint.failures = 0


def _is_failure(error: PromptOpsError) -> bool:
    """Whether an endpoint is to blame: one that gives no answer of a sidecar is, although it is useless to ask again."""
    return isinstance(error, _FAILURES) and (error.retryable or error.error_code == UNEXPECTED_ANSWER)
