"""The operator's metrics. Label values are bounded: kinds, outcomes, triggers, operations; never names of objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promptops.telemetry.exposition import Exposition
from promptops.telemetry.feed import FeedMetrics
from promptops.telemetry.process import ProcessMetrics

DURATION_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
PHASES = ("Pending", "Progressing", "Degraded", "Disabled", "Healthy")


class DecisionMetrics:
    """What is decided and written."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reconciles = Counter(
            "promptops_reconciles_total",
            "Decisions carried out. kind: Prompt, PromptVersion, Tenancy; outcome: done, failed, waits (for content to be checked).",
            ("kind", "outcome"),
            registry=registry,
        )
        self._duration = Histogram(
            "promptops_reconcile_duration_seconds",
            "Time from taking a key to having carried out its decision. kind: Prompt, PromptVersion, Tenancy.",
            ("kind",),
            buckets=DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self._status_writes = Counter(
            "promptops_status_writes_total",
            "Statuses written. kind: Prompt, PromptVersion, Tenant.",
            ("kind",),
            registry=registry,
        )
        self._queue_wait = Histogram(
            "promptops_queue_wait_seconds",
            "Time that a key waits to be reconciled. lane: changed (by git or a person), following, counting.",
            ("lane",),
            buckets=DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self._publications = Counter(
            "promptops_feed_publications_total", "Positions published, over all namespaces.", registry=registry
        )

    def waited(self, lane: str, seconds: float) -> None:
        """Count how long a key waited for its turn."""
        self._queue_wait.labels(lane).observe(seconds)

    def reconciled(self, kind: str, outcome: str, seconds: float) -> None:
        """Count a decision that was taken up, and how long it took."""
        self._reconciles.labels(kind, outcome).inc()
        self._duration.labels(kind).observe(seconds)

    def status_written(self, kind: str) -> None:
        """Count a status that the API server took."""
        self._status_writes.labels(kind).inc()

    def published(self) -> None:
        """Count a position."""
        self._publications.inc()


class ClusterMetrics:
    """How well the cluster is heard."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._watch_restarts = Counter(
            "promptops_watch_restarts_total",
            "Times the watch of the Kubernetes API had to be started anew.",
            registry=registry,
        )
        self._watch_alive = Gauge(
            "promptops_watch_alive",
            "1 while the watch of a kind has proved that it hears what happens. "
            "kind: Namespace, Tenant, ConfigMap, PromptVersion, Prompt.",
            ("kind",),
            registry=registry,
        )
        self._sweeps = Counter(
            "promptops_sweeps_total",
            "Comparisons of what is known with a complete list. trigger: leading, relist, returned, periodic, shrink, restored.",
            ("trigger",),
            registry=registry,
        )

    def watch_restarted(self) -> None:
        """Count a watch that was started anew."""
        self._watch_restarts.inc()

    def watch_proved(self, kind: str, alive: bool) -> None:
        """Say whether the watch of a kind hears what happens."""
        self._watch_alive.labels(kind).set(alive)

    def swept(self, trigger: str) -> None:
        """Count a comparison with a complete list."""
        self._sweeps.labels(trigger).inc()


class Gauges:
    """What is looked at when it is scraped."""

    def __init__(self, registry: CollectorRegistry, feed: FeedMetrics) -> None:
        self._feed = feed
        self._observers: list[Callable[[], None]] = []
        self._queue_depth = Gauge("promptops_queue_depth", "Keys that wait to be reconciled.", registry=registry)
        self._prompts = Gauge(
            "promptops_prompts",
            "Prompts by status.phase: Pending, Progressing, Degraded, Disabled, Healthy.",
            ("phase",),
            registry=registry,
        )
        self._stalled = Gauge(
            "promptops_prompts_stalled",
            "Prompts that wait for an edit of their author: condition Stalled is True.",
            registry=registry,
        )
        self._leader = Gauge("promptops_leader", "1 while this replica leads.", registry=registry)
        self._instances = Gauge(
            "promptops_instances",
            "Instances that follow a namespace, one series per namespace that has any. "
            "state: heard, lost (silent for 20 seconds), missing (known to the leader before, or a pod that runs with a sidecar, and not heard of).",
            ("consumer_namespace", "state"),
            registry=registry,
        )
        self._uninjected = Gauge(
            "promptops_pods_without_sidecar",
            "Pods that ask for a sidecar and have none, one series per namespace that has any; the leader looks every 30 seconds.",
            ("consumer_namespace",),
            registry=registry,
        )
        self._thresholds = Gauge(
            "promptops_alert_threshold",
            "From where on an alert fires for prompts of a namespace, where its Tenant says so in spec.alerts. "
            "alert: high_error_rate, low_cache_hit_rate (percent), slow_response (milliseconds).",
            ("consumer_namespace", "alert"),
            registry=registry,
        )

        self._usage = Gauge(
            "promptops_tenant_usage",
            "What status.usage of a Tenant says. of: prompts, versions (in all its namespaces), "
            "mostPrompts (in one namespace), mostVersions (of one Prompt).",
            ("tenant", "of"),
            registry=registry,
        )

    def observe(self) -> None:
        """Look at everything."""
        for observer in self._observers:
            observer()

    def watch_depth(self, depth: Callable[[], float]) -> None:
        """Read the queue's depth."""
        self._observers.append(lambda: self._queue_depth.set(depth()))

    def watch_subscribers(self, count: Callable[[], int]) -> None:
        """Read the number of followers."""
        self._observers.append(lambda: self._feed.subscribed(count()))

    def watch_phases(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Count the prompts by phase."""
        self._observers.append(lambda: self._set_phases(count()))

    def watch_instances(self, count: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """Count the instances of every namespace, by state."""
        self._observers.append(lambda: self._set_instances(count()))

    def watch_uninjected(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Count the pods of every namespace that lack the sidecar they ask for."""
        self._observers.append(lambda: self._set_uninjected(count()))

    def watch_thresholds(self, read: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """Read what Tenants say of alerts, by namespace and alert."""
        self._observers.append(lambda: self._set_thresholds(read()))

    def watch_usage(self, read: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """Read how much there is, by tenant."""
        self._observers.append(lambda: self._set_usage(read()))

    def watch_stalled(self, count: Callable[[], int]) -> None:
        """Count the prompts that are stalled."""
        self._observers.append(lambda: self._stalled.set(count()))

    def watch_leadership(self, leads: Callable[[], bool]) -> None:
        """Read whether this replica leads."""
        self._observers.append(lambda: self._leader.set(leads()))

    def _set_phases(self, counts: Mapping[str, int]) -> None:
        for phase in PHASES:
            self._prompts.labels(phase).set(counts.get(phase, 0))

    def _set_instances(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        self._instances.clear()
        for namespace, states in counts.items():
            for state, number in states.items():
                self._instances.labels(namespace, state).set(number)

    def _set_thresholds(self, read: Mapping[str, Mapping[str, int]]) -> None:
        self._thresholds.clear()
        for namespace, alerts in read.items():
            for alert, number in alerts.items():
                self._thresholds.labels(namespace, alert).set(number)

    def _set_usage(self, read: Mapping[str, Mapping[str, int]]) -> None:
        self._usage.clear()
        for tenant, usage in read.items():
            for of, number in usage.items():
                self._usage.labels(tenant, of).set(number)

    def _set_uninjected(self, counts: Mapping[str, int]) -> None:
        self._uninjected.clear()
        for namespace, number in counts.items():
            self._uninjected.labels(namespace).set(number)


class OperatorMetrics:
    """Every metric of the operator by subject, in one registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.process = ProcessMetrics(self.registry)
        self.decisions = DecisionMetrics(self.registry)
        self.cluster = ClusterMetrics(self.registry)
        self.feed = FeedMetrics(self.registry)
        self.gauges = Gauges(self.registry, self.feed)

    def exposition(self, dropped_lines: Callable[[], int]) -> Exposition:
        """Return what answers a scrape; `dropped_lines`: how many of the log's were dropped since the process began."""

        def observe() -> None:
            self.gauges.observe()
            self.process.log_dropped(dropped_lines())

        return Exposition(self.registry, observe)
