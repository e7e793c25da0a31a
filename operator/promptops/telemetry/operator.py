"""The operator's metrics. Label values are bounded: kinds, outcomes, triggers, operations; never names of objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promptops.telemetry.exposition import Exposition
from promptops.telemetry.process import ProcessMetrics

DURATION_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
PHASES = ("Pending", "Progressing", "Degraded", "Disabled", "Healthy")


class OperatorMetrics:
    """Every metric of the operator, in one registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = self._registry = registry or CollectorRegistry()
        self.process = ProcessMetrics(registry)
        self._observers: list[Callable[[], None]] = []
        self.reconciles = Counter(
            "promptops_reconciles_total",
            "Decisions carried out. kind: Prompt, PromptVersion, Tenancy; outcome: done, failed, waits (for content to be checked).",
            ("kind", "outcome"),
            registry=registry,
        )
        self.reconcile_duration = Histogram(
            "promptops_reconcile_duration_seconds",
            "Time from taking a key to having carried out its decision. kind: Prompt, PromptVersion, Tenancy.",
            ("kind",),
            buckets=DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.status_writes = Counter(
            "promptops_status_writes_total",
            "Statuses written. kind: Prompt, PromptVersion, Tenant.",
            ("kind",),
            registry=registry,
        )
        self.queue_depth = Gauge("promptops_queue_depth", "Keys that wait to be reconciled.", registry=registry)
        self._queue_wait = Histogram(
            "promptops_queue_wait_seconds",
            "Time that a key waits to be reconciled. lane: changed (by git or a person), following, counting.",
            ("lane",),
            buckets=DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.prompts = Gauge(
            "promptops_prompts",
            "Prompts by status.phase: Pending, Progressing, Degraded, Disabled, Healthy.",
            ("phase",),
            registry=registry,
        )
        self.stalled = Gauge(
            "promptops_prompts_stalled",
            "Prompts that wait for an edit of their author: condition Stalled is True.",
            registry=registry,
        )
        self.leader = Gauge("promptops_leader", "1 while this replica leads.", registry=registry)
        self.instances = Gauge(
            "promptops_instances",
            "Instances that follow a namespace, one series per namespace that has any. "
            "state: heard, lost (silent for 20 seconds), missing (known to the leader before and not heard of since).",
            ("consumer_namespace", "state"),
            registry=registry,
        )
        self.watch_restarts = Counter(
            "promptops_watch_restarts_total",
            "Times the watch of the Kubernetes API had to be started anew.",
            registry=registry,
        )
        self.watch_alive = Gauge(
            "promptops_watch_alive",
            "1 while the watch of a kind has proved that it hears what happens. "
            "kind: Namespace, Tenant, ConfigMap, PromptVersion, Prompt.",
            ("kind",),
            registry=registry,
        )
        self.sweeps = Counter(
            "promptops_sweeps_total",
            "Comparisons of what is known with a complete list. trigger: leading, relist, returned, periodic, shrink, restored.",
            ("trigger",),
            registry=registry,
        )
        self.token_reviews = Counter(
            "promptops_token_reviews_total",
            "Tokens shown to the feed. result: accepted, refused, unavailable, cached, and without a question to the API "
            "server malformed (no token of ours) and limited (too many were refused lately).",
            ("result",),
            registry=registry,
        )
        self.feed_subscribers = Gauge(
            "promptops_feed_subscribers", "Followers connected to the feed.", registry=registry
        )
        self.feed_refusals = Counter(
            "promptops_feed_refusals",
            "Requests of followers beyond what one identity may have. reason: Streams, Requests, Bytes.",
            ("reason",),
            registry=registry,
        )
        self.feed_publications = Counter(
            "promptops_feed_publications_total", "Positions published, over all namespaces.", registry=registry
        )
        self.api_errors = Counter(
            "promptops_api_errors_total",
            "Calls of the Kubernetes API that failed. operation: verb and kind.",
            ("operation",),
            registry=registry,
        )

    def waited(self, lane: str, seconds: float) -> None:
        """Count how long a key waited for its turn."""
        self._queue_wait.labels(lane).observe(seconds)

    def watch_depth(self, depth: Callable[[], float]) -> None:
        """Read the queue's depth when it is scraped."""
        self._observers.append(lambda: self.queue_depth.set(depth()))

    def watch_subscribers(self, count: Callable[[], float]) -> None:
        """Read the number of followers when it is scraped."""
        self._observers.append(lambda: self.feed_subscribers.set(count()))

    def watch_phases(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Count the prompts by phase when it is scraped."""
        self._observers.append(lambda: self._set_phases(count()))

    def watch_instances(self, count: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """Count the instances of every namespace, by state, when it is scraped."""
        self._observers.append(lambda: self._set_instances(count()))

    def watch_stalled(self, count: Callable[[], int]) -> None:
        """Count the prompts that are stalled when it is scraped."""
        self._observers.append(lambda: self.stalled.set(count()))

    def watch_log(self, dropped: Callable[[], int]) -> None:
        """Read how many lines of the log were dropped when it is scraped."""
        self._observers.append(lambda: self.process.log_dropped(dropped()))

    def watch_leadership(self, leads: Callable[[], bool]) -> None:
        """Read whether this replica leads when it is scraped."""
        self._observers.append(lambda: self.leader.set(leads()))

    def exposition(self) -> Exposition:
        """Return what answers a scrape."""
        return Exposition(self._registry, self._observe)

    def _observe(self) -> None:
        for observer in self._observers:
            observer()

    def _set_phases(self, counts: Mapping[str, int]) -> None:
        for phase in PHASES:
            self.prompts.labels(phase).set(counts.get(phase, 0))

    def _set_instances(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        self.instances.clear()
        for namespace, states in counts.items():
            for state, number in states.items():
                self.instances.labels(namespace, state).set(number)
