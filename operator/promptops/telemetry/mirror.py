"""What goes wrong with the mirror in Redis, counted and told, for whoever fills it and whoever reads it. No prompt text."""

from __future__ import annotations

import structlog
from prometheus_client import CollectorRegistry, Counter

_log = structlog.get_logger()


class MirrorMetrics:
    """Failures by reason. Any thread may tell of one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._errors = Counter(
            "promptops_redis_errors",
            "Failures to read or write the mirror in Redis, by reason. SealBroken: bytes that were not sealed for this scope.",
            ("reason",),
            registry=registry,
        )
        self._said: str | None = None

    def failed(self, reason: str, detail: str) -> None:
        """Count a failure; log it unless the one before was the same."""
        self._errors.labels(reason).inc()
        if self._said != reason:
            _log.warning("mirror in Redis failed; serving goes on without", reason=reason, detail=detail)
        self._said = reason
