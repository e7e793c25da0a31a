"""What a gateway counts besides what every relay does. Labels are constants: of namespaces and prompts there is no end."""

from __future__ import annotations

from collections.abc import Container

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promptops.api.feed import LATENCY_BUCKETS_SECONDS


class GatewayMetrics:
    """Renders, over all namespaces."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._renders = Counter(
            "promptops_gateway_renders",
            "Renders by outcome (success, failure) and code (empty on success).",
            ("outcome", "code"),
            registry=registry,
        )
        self._duration = Histogram(
            "promptops_gateway_render_duration_seconds",
            "Time from a parsed request to its answer, for renders that succeeded.",
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._feedback = Counter(
            "promptops_gateway_feedback",
            "What came of renders, as callers say. outcome: good, bad.",
            ("outcome",),
            registry=registry,
        )
        self._fallbacks = Counter(
            "promptops_gateway_fallback_renders",
            "Renders among the failures that were answered with the fallback that the prompt declares, by code.",
            ("code",),
            registry=registry,
        )
        self._scopes = Gauge("promptops_gateway_scopes", "Namespaces that were rendered for lately.", registry=registry)

    def succeeded(self, prompt: str, seconds: float) -> None:
        """Count a render that was answered, of whichever prompt."""
        self._renders.labels("success", "").inc()
        self._duration.observe(seconds)

    def failed(self, prompt: str, code: str, *, missed: bool = False) -> None:
        """Count a render that was refused, of whichever prompt."""
        self._renders.labels("failure", code).inc()

    def fell_back(self, prompt: str, code: str) -> None:
        """Count one of those that failed and was answered with what stands in, of whichever prompt."""
        self._fallbacks.labels(code).inc()

    def judged(self, prompt: str, outcome: str) -> None:
        """Count what came of a render, of whichever prompt."""
        self._feedback.labels(outcome).inc()

    def forget(self, held: Container[str]) -> None:
        """Nothing is counted by prompt."""

    def scopes(self, count: int) -> None:
        """Say for how many namespaces something was rendered lately."""
        self._scopes.set(count)
