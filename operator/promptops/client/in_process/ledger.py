"""What was rendered in this process, by prompt and content, and what of it the sidecar has not heard of yet.

A usual render adds to a cell of its own kind and takes no lock. Nothing is lost when a cell is replaced: one that is closed is
looked at until nothing more comes to it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from promptops.api.clients import LocalRenders
from promptops.api.feed import LATENCY_BUCKETS_SECONDS, MAX_REPORTED_RENDERS
from promptops.client.statistics import QuickCount

MAX_REMEMBERED: Final = 10_000
"""Contents of which renders wait to be told; what comes beyond them while no sidecar listens is not told."""
_Key = tuple[str, str]


@dataclass(slots=True)
class _News:
    succeeded: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BUCKETS_SECONDS) + 1))
    failures: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Cell:
    count: QuickCount
    answered: int = 0
    """Of its renders, those that are among the news or were told."""
    seconds: float = 0.0
    was_closed: bool = False
    """When it was looked at last."""


class RenderLedger:
    """Counts for one process. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news: dict[_Key, _News] = {}
        self._cells: dict[_Key, list[_Cell]] = {}

    def open(self, prompt: str, digest: str, count: QuickCount) -> None:
        """Look at what is counted there, too."""
        with self._lock:
            self._cells.setdefault((prompt, digest), []).append(_Cell(count))

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """Count a render that was answered."""
        with self._lock:
            if (news := self._of((prompt, digest))) is not None:
                news.succeeded += 1
                news.seconds += seconds
                news.buckets[bisect_left(LATENCY_BUCKETS_SECONDS, seconds)] += 1

    def failed(self, prompt: str, digest: str, code: str) -> None:
        """Count a render that was refused; the digest is empty when it did not come to a content."""
        with self._lock:
            if (news := self._of((prompt, digest))) is not None:
                news.failures[code] += 1

    def fell_back(self, prompt: str, digest: str, code: str) -> None:
        """Count a render that was answered with what stands in for the prompt: a failure, too."""
        with self._lock:
            if (news := self._of((prompt, digest))) is not None:
                news.failures[code] += 1
                news.fallbacks[code] += 1

    def take(self, most: int = MAX_REPORTED_RENDERS) -> tuple[LocalRenders, ...]:
        """Return what nobody has heard of yet, and look at it as told; of more than `most` contents the rest stays for the next time."""
        with self._lock:
            for key in list(self._cells):
                self._gather(key)
            told = list(self._news)[:most]
            return tuple(_told(key, self._news.pop(key)) for key in told)

    def _gather(self, key: _Key) -> None:
        left = []
        for cell in self._cells[key]:
            answered, seconds = cell.count.answered, cell.count.seconds
            more = answered - cell.answered
            if more and (news := self._of(key)) is not None:
                news.succeeded += more
                news.seconds += seconds - cell.seconds
                news.buckets[0] += more
            cell.answered, cell.seconds = answered, seconds
            if more or not cell.was_closed:
                left.append(cell)
            cell.was_closed = cell.count.closed
        if left:
            self._cells[key] = left
        else:
            del self._cells[key]

    def _of(self, key: _Key) -> _News | None:
        news = self._news.get(key)
        if news is None and len(self._news) < MAX_REMEMBERED:
            news = self._news[key] = _News()
        return news


def _told(key: _Key, news: _News) -> LocalRenders:
    prompt, digest = key
    return LocalRenders(
        prompt,
        digest,
        news.succeeded,
        dict(news.failures),
        dict(news.fallbacks),
        round(max(news.seconds, 0.0) * 1e6),
        tuple(news.buckets) if news.succeeded else (),
    )
