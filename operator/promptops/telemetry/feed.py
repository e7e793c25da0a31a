"""What every server of the feed counts, the operator's and a relay's alike. Label values are constants."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


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

    def token_reviewed(self, result: str) -> None:
        """Count a token that was shown."""
        self._token_reviews.labels(result).inc()

    def refused(self, reason: str) -> None:
        """Count a request that wanted too much."""
        self._refusals.labels(reason).inc()
