"""A relay's metrics, and a gateway's. Label values are constants; never names of namespaces."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from promptops.telemetry.exposition import Exposition
from promptops.telemetry.feed import FeedMetrics
from promptops.telemetry.mirror import MirrorMetrics
from promptops.telemetry.process import ProcessMetrics


class RelayMetrics:
    """Every metric of a relay, in one registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = self.registry = registry or CollectorRegistry()
        self.process = ProcessMetrics(registry)
        self.feed = FeedMetrics(registry)
        self.mirror = MirrorMetrics(registry)
        self._connected = Gauge("promptops_feed_connected", "1 while the hop above is followed.", registry=registry)
        self._refused = Counter(
            "promptops_feed_refused",
            "What the hop above offered and was refused, by reason.",
            ("reason",),
            registry=registry,
        )
        self._reports_refused = Counter(
            "promptops_reports_refused",
            "Reports of who follows here that the hop above refused, by reason.",
            ("reason",),
            registry=registry,
        )
        self._scopes = Gauge("promptops_relay_scopes", "Namespaces of which something is held.", registry=registry)
        self._age = Gauge(
            "promptops_index_age_seconds",
            "Time since the origin confirmed what is held, of the namespace of which that is longest ago.",
            registry=registry,
        )
        self._certificate = Gauge(
            "promptops_certificate_expiry_timestamp_seconds",
            "When the certificate expires that is shown to callers, as a Unix time.",
            registry=registry,
        )

    def refused(self, reason: str) -> None:
        """Count something that was offered and not taken."""
        self._refused.labels(reason).inc()

    def reports_refused(self, reason: str) -> None:
        """Count a report that the hop above did not take."""
        self._reports_refused.labels(reason).inc()

    def certified(self, until: float) -> None:
        """Say until when the certificate is good."""
        self._certificate.set(until)

    def holding(self, *, connected: bool, scopes: int, oldest_seconds: float) -> None:
        """Say how the hop above stands, and what is held of it."""
        self._connected.set(connected)
        self._scopes.set(scopes)
        self._age.set(oldest_seconds)

    def exposition(self, observe: Callable[[], None]) -> Exposition:
        """Return what answers a scrape; it calls `observe` to bring the gauges up to date."""
        return Exposition(self.registry, observe)
