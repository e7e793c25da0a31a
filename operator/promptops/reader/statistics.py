"""Renders counted by prompt since the process started: how many, how long, how they failed, what came of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Sequence
from typing import Final

from promptops.api.clients import LocalRenders
from promptops.api.feed import LATENCY_BUCKETS_SECONDS
from promptops.api.observed import FeedbackRequest, PromptStatistics, Statistics

_MOST_REMEMBERED: Final = 10_000
"""Renders of which something was said: said again, it does not count again."""


class _Counts:
    __slots__ = ("buckets", "failures", "fallbacks", "missed", "outcomes", "score", "scored", "seconds", "succeeded")

    def __init__(self) -> None:
        self.succeeded = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(LATENCY_BUCKETS_SECONDS) + 1)
        self.failures: Counter[str] = Counter()
        self.missed = 0
        self.fallbacks = 0
        self.outcomes: Counter[str] = Counter()
        self.score, self.scored = 0.0, 0


class RenderStatistics:
    """Counts. Belongs to one thread at a time; `monotonic` is in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._prompts: dict[str, _Counts] = {}
        self._spoken_of: OrderedDict[str, None] = OrderedDict()

    def succeeded(self, prompt: str, seconds: float) -> None:
        """Count a render that was answered."""
        counts = self._of(prompt)
        counts.succeeded += 1
        counts.seconds += seconds
        counts.buckets[bisect_left(LATENCY_BUCKETS_SECONDS, seconds)] += 1

    def failed(self, prompt: str, code: str, *, missed: bool) -> None:
        """Count a render that was refused; `missed`: the content is not held."""
        counts = self._of(prompt)
        counts.failures[code] += 1
        counts.missed += missed

    def fell_back(self, prompt: str) -> None:
        """Count one of those that failed and was answered with what stands in for the prompt."""
        self._of(prompt).fallbacks += 1

    def told(self, renders: LocalRenders) -> None:
        """Count renders of a prompt that were done elsewhere."""
        counts = self._of(renders.prompt)
        counts.succeeded += renders.succeeded
        counts.seconds += renders.spent_us / 1e6
        counts.failures.update(renders.failures)
        counts.fallbacks += sum(renders.fallbacks.values())
        for index, many in enumerate(renders.latency_buckets):
            counts.buckets[index] += many

    def judged(self, prompt: str, feedback: FeedbackRequest) -> bool:
        """Count what came of a render; return whether it is the first that is said of it."""
        if feedback.render_id in self._spoken_of:
            return False
        self._spoken_of[feedback.render_id] = None
        if len(self._spoken_of) > _MOST_REMEMBERED:
            self._spoken_of.popitem(last=False)
        counts = self._of(prompt)
        counts.outcomes[feedback.outcome] += 1
        if feedback.score is not None:
            counts.score += feedback.score
            counts.scored += 1
        return True

    def forget(self, held: Container[str]) -> None:
        """Drop what was counted of prompts that are no longer held."""
        self._prompts = {prompt: counts for prompt, counts in self._prompts.items() if not prompt or prompt in held}

    def summary(self) -> Statistics:
        """Return everything that was counted."""
        prompts = tuple(_summary(prompt, self._prompts[prompt]) for prompt in sorted(self._prompts))
        return Statistics(
            seconds=round(self._monotonic() - self._began, 3),
            total=sum(each.total for each in prompts),
            succeeded=sum(each.succeeded for each in prompts),
            failed=sum(each.failed for each in prompts),
            prompts=prompts,
        )

    def _of(self, prompt: str) -> _Counts:
        counts = self._prompts.get(prompt)
        if counts is None:
            counts = self._prompts[prompt] = _Counts()
        return counts


def _summary(prompt: str, counts: _Counts) -> PromptStatistics:
    failed = counts.failures.total()
    looked_up = counts.succeeded + counts.missed
    return PromptStatistics(
        prompt=prompt,
        total=counts.succeeded + failed,
        succeeded=counts.succeeded,
        failed=failed,
        average_ms=round(counts.seconds / (counts.succeeded or 1) * 1000, 4),
        p95_ms=quantile_ms(counts.buckets, 0.95),
        p99_ms=quantile_ms(counts.buckets, 0.99),
        cache_hit_rate=round(counts.succeeded / looked_up, 4) if looked_up else 1.0,
        error_rate=round(failed / ((counts.succeeded + failed) or 1), 4),
        failures=dict(counts.failures),
        fallbacks=counts.fallbacks,
        feedback_success=counts.outcomes["success"],
        feedback_failure=counts.outcomes["failure"],
        score_average=round(counts.score / counts.scored, 4) if counts.scored else None,
    )


def quantile_ms(buckets: Sequence[int], share: float) -> float:
    """Return a quantile in milliseconds from counts by LATENCY_BUCKETS_SECONDS, as Prometheus estimates it: within its
    bucket it is taken to be even; beyond the last bound it is that bound."""
    wanted, below = share * sum(buckets), 0
    lowest = 0.0
    for count, bound in zip(buckets, LATENCY_BUCKETS_SECONDS, strict=False):
        if count and below + count >= wanted:
            return round((lowest + (bound - lowest) * (wanted - below) / count) * 1000, 4)
        below += count
        lowest = bound
    return lowest * 1000 if sum(buckets) else 0.0
