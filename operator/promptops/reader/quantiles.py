"""Quantiles of times that were counted by bucket."""

from collections.abc import Sequence

from promptops.api.feed import LATENCY_BUCKETS_SECONDS


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
