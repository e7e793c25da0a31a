"""Metrics that every process of ours has: its loop, its tasks, its log, its connections. Label values are constants."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

HELD_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ProcessMetrics:
    """What a process says of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._loop_held = Histogram(
            "promptops_loop_held_seconds",
            "Times the event loop took up nothing else for 50 ms or longer.",
            buckets=HELD_BUCKETS_SECONDS,
            registry=registry,
        )
        self._task_restarts = Counter(
            "promptops_task_restarts",
            "Ends of a long-lived task that was started again. task: a constant of the role.",
            ("task",),
            registry=registry,
        )
        self._dropped = 0
        self._log_dropped = Counter(
            "promptops_log_lines_dropped",
            "Lines of the log that could not be written: standard error took none, or not fast enough.",
            registry=registry,
        )
        self._connections = Gauge(
            "promptops_http_connections",
            "Connections that are open, those in the middle of their TLS handshake among them. listener: data, socket, operations, feed, renders, webhook.",
            ("listener",),
            registry=registry,
        )
        self._connections_ended = Counter(
            "promptops_http_connections_ended",
            "Connections that the server ended early. listener: data, socket, operations, feed, renders, webhook; reason: HeadTimeout, "
            "BodyTimeout, IdleTimeout, WriteTimeout, TooManyConnections, Malformed, HandshakeTimeout, HandshakeFailed.",
            ("listener", "reason"),
            registry=registry,
        )

        self._settings_unusable = Gauge(
            "promptops_settings_unusable",
            "1 while the file of settings is not in force as it stands: gone, wrong, or waiting for the next start.",
            registry=registry,
        )

    def settings(self, *, usable: bool) -> None:
        """Say whether what runs is what the file of settings says."""
        self._settings_unusable.set(not usable)

    def loop_held(self, seconds: float) -> None:
        """Count a time in which the loop was held."""
        self._loop_held.observe(seconds)

    def task_restarted(self, task: str) -> None:
        """Count the end of a task that should have gone on."""
        self._task_restarts.labels(task).inc()

    def log_dropped(self, lines: int) -> None:
        """Say how many lines of the log were dropped since the process began."""
        self._log_dropped.inc(lines - self._dropped)
        self._dropped = lines

    def connections(self, listener: str, count: int) -> None:
        """Say how many connections a listener has."""
        self._connections.labels(listener).set(count)

    def connection_ended(self, listener: str, reason: str) -> None:
        """Count a connection that the server ended before its time."""
        self._connections_ended.labels(listener, reason).inc()
