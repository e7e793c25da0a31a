"""What the operator says of itself: how long its loop was held, and how long keys waited for their turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

GIVE_UP_SECONDS = 900.0
Values = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Name and labels → value."""


def metrics_of(url: str) -> Values:
    """Scrape."""
    text = httpx.get(url, timeout=30, trust_env=False).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def healthy(url: str) -> float:
    """Return how many prompts are Healthy: they are in force, and nobody is waited for."""
    return metrics_of(url).get(("promptops_prompts", frozenset({("phase", "Healthy")})), 0.0)


def seconds_until(is_so: Callable[[], bool], every: float = 0.5) -> float:
    """Return how long it took until something was so. Raises TimeoutError."""
    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > GIVE_UP_SECONDS:
            raise TimeoutError("gave up waiting")
        time.sleep(every)
    return time.monotonic() - begun


def since(before: Values, after: Values) -> Values:
    """Return how much each value grew."""
    return {key: value - before.get(key, 0.0) for key, value in after.items()}


def within(values: Values, name: str, share: float, **labels: str) -> float:
    """Return the bound in seconds of the bucket in which this share of a histogram's observations lies."""
    wanted = labels.items()
    buckets = sorted(
        (float(dict(found)["le"]), value)
        for (metric, found), value in values.items()
        if metric == f"{name}_bucket" and wanted <= dict(found).items()
    )
    total = buckets[-1][1] if buckets else 0.0
    return next((bound for bound, value in buckets if total and value >= share * total), 0.0)


def own_share(values: Values, seconds: float) -> Iterator[str]:
    """Yield lines about the operator's own part."""
    held, times = (values.get((f"promptops_loop_held_seconds_{each}", frozenset()), 0.0) for each in ("sum", "count"))
    worst = within(values, "promptops_loop_held_seconds", 1.0)
    yield f"the operator's loop, held 50 ms or longer: {times:.0f} times, {held:.2f} s of {seconds:.0f} s, worst below {worst:g} s"
    for lane in ("changed", "following", "counting"):
        bounds = [within(values, "promptops_queue_wait_seconds", share, lane=lane) for share in (0.5, 0.99, 1.0)]
        count = values.get(("promptops_queue_wait_seconds_count", frozenset({("lane", lane)})), 0.0)
        told = " ".join(f"{'<' + format(bound * 1000, 'g'):>7} ms" for bound in bounds)
        yield f"{f'  keys in the lane {lane} ({count:.0f}) waited':<44} {told}"
