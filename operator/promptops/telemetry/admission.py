"""The admission webhook's metrics. Label values are constants."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promptops.telemetry.exposition import Exposition
from promptops.telemetry.process import ProcessMetrics


class AdmissionMetrics:
    """Every metric of the webhook, in one registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = self._registry = registry or CollectorRegistry()
        self.process = ProcessMetrics(registry)
        self._reviews = Counter(
            "promptops_admission_reviews_total",
            "Questions of the API server. path: /validate, /inject; outcome: allowed, warned, refused, injected, failed "
            "(let through unseen: a fault of ours), malformed (no question of an API server).",
            ("path", "outcome"),
            registry=registry,
        )
        self._duration = Histogram(
            "promptops_admission_duration_seconds",
            "Time from a question to its answer. path: /validate, /inject.",
            ("path",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0),
            registry=registry,
        )
        self._certificate = Gauge(
            "promptops_admission_certificate_expiry_timestamp_seconds",
            "When the certificate expires that the webhook shows, as a Unix time.",
            registry=registry,
        )

    def reviewed(self, path: str, outcome: str, seconds: float) -> None:
        """Count a question and its answer."""
        self._reviews.labels(path, outcome).inc()
        self._duration.labels(path).observe(seconds)

    def certified(self, until: float) -> None:
        """Say until when the certificate is good."""
        self._certificate.set(until)

    def exposition(self, dropped: Callable[[], int]) -> Exposition:
        """Return what answers a scrape; `dropped` says how many lines of the log were."""
        return Exposition(self._registry, lambda: self.process.log_dropped(dropped()))
