"""What every server of the feed counts, the operator's and a relay's alike. Label values are constants."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class FeedMetrics:
    """What followers are given and refused."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._token_reviews = Counter(
            "promptops_token_reviews_total",
            "Tokens shown to the feed. result: accepted, refused, unavailable, cached, and without a question to the API "
            "server malformed (no token of ours) and limited (too many were refused lately).",
            ("result",),
            registry=registry,
        )
        self._refusals = Counter(
            "promptops_feed_refusals",
            "Requests of followers beyond what one identity may have. reason: Streams, Requests, Bytes.",
            ("reason",),
            registry=registry,
        )
        self._subscribers = Gauge("promptops_feed_subscribers", "Followers connected to the feed.", registry=registry)
        self._api_errors = Counter(
            "promptops_api_errors_total",
            "Calls of the Kubernetes API that failed. operation: verb and kind.",
            ("operation",),
            registry=registry,
        )

    def token_reviewed(self, result: str) -> None:
        """Count a token that was shown."""
        self._token_reviews.labels(result).inc()

    def refused(self, reason: str) -> None:
        """Count a request that wanted too much."""
        self._refusals.labels(reason).inc()

    def subscribed(self, count: int) -> None:
        """Say how many follow."""
        self._subscribers.set(count)

    def call_failed(self, operation: str) -> None:
        """Count a call of the API server, which tells whose a token is, that failed."""
        self._api_errors.labels(operation).inc()
