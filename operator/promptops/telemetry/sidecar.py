"""A sidecar's metrics by subject. Labels are bounded: prompts that are held, and constants of promptops.api.reasons."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promptops.api.feed import LATENCY_BUCKETS_SECONDS
from promptops.telemetry.exposition import Exposition
from promptops.telemetry.mirror import MirrorMetrics
from promptops.telemetry.process import ProcessMetrics

_NONE: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True)
class _Series:
    """What is counted of one prompt: looked up once, dropped as a whole."""

    succeeded: Counter
    duration: Histogram
    hit: Counter
    failed: dict[str, Counter] = field(default_factory=dict)
    fallbacks: dict[str, Counter] = field(default_factory=dict)


class PromptMetrics:
    """What comes of renders. What is counted of a prompt goes with it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._renders = Counter(
            "promptops_renders",
            "Renders by prompt (empty when no such prompt is held), outcome (success, failure) and code (empty on success), also "
            "those that processes next door have done themselves. What stands in for a prompt is a failure of it.",
            ("prompt", "outcome", "code"),
            registry=registry,
        )
        self._duration = Histogram(
            "promptops_render_duration_seconds",
            "Time from a parsed request to its answer, for renders that succeeded here.",
            ("prompt",),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._cache = Counter(
            "promptops_cache_requests",
            "Look-ups of a prompt's content by result (hit: it was in memory, miss: it was not held).",
            ("prompt", "result"),
            registry=registry,
        )
        self._feedback = Counter(
            "promptops_feedback",
            "What callers said of renders, by prompt and outcome (success, failure). Each render counts once.",
            ("prompt", "outcome"),
            registry=registry,
        )
        self._fallbacks = Counter(
            "promptops_fallback_renders",
            "Renders among the failures, here or next door, that were answered with the fallback that the prompt declares, by prompt and code.",
            ("prompt", "code"),
            registry=registry,
        )
        self._series: dict[str, _Series] = {}

    def succeeded(self, prompt: str, seconds: float) -> None:
        """Count a render that was answered."""
        series = self._of(prompt)
        series.succeeded.inc()
        series.duration.observe(seconds)
        series.hit.inc()

    def failed(self, prompt: str, code: str, *, missed: bool = False) -> None:
        """Count a render that was refused; `missed`: the prompt's content is not held."""
        failed = self._of(prompt).failed
        if code not in failed:
            failed[code] = self._renders.labels(prompt, "failure", code)
        failed[code].inc()
        if missed:
            self._cache.labels(prompt, "miss").inc()

    def fell_back(self, prompt: str, code: str, many: int = 1) -> None:
        """Count those that failed and were answered with what stands in for the prompt."""
        fallbacks = self._of(prompt).fallbacks
        if code not in fallbacks:
            fallbacks[code] = self._fallbacks.labels(prompt, code)
        fallbacks[code].inc(many)

    def told(
        self, prompt: str, succeeded: int, failures: Mapping[str, int], fallbacks: Mapping[str, int] = _NONE
    ) -> None:
        """Count renders that a process next door has done itself, failures by code, and those of them that were answered with a fallback."""
        series = self._of(prompt)
        series.succeeded.inc(succeeded)
        series.hit.inc(succeeded)
        for code, many in failures.items():
            if code not in series.failed:
                series.failed[code] = self._renders.labels(prompt, "failure", code)
            series.failed[code].inc(many)
        for code, many in fallbacks.items():
            self.fell_back(prompt, code, many)

    def judged(self, prompt: str, outcome: str) -> None:
        """Count what came of a render."""
        self._of(prompt)  # so that it is forgotten together with the prompt
        self._feedback.labels(prompt, outcome).inc()

    def forget(self, held: Container[str]) -> None:
        """Drop the series of prompts that are no longer held, so that labels stay bounded. Each costs the same."""
        for prompt in [prompt for prompt in self._series if prompt and prompt not in held]:
            series = self._series.pop(prompt)
            for code in series.failed:
                self._renders.remove(prompt, "failure", code)
            for code in series.fallbacks:
                self._fallbacks.remove(prompt, code)
            self._renders.remove(prompt, "success", "")
            self._duration.remove(prompt)
            for result in ("hit", "miss"):
                self._cache.remove(prompt, result)
            for outcome in ("success", "failure"):
                self._feedback.remove(prompt, outcome)

    def _of(self, prompt: str) -> _Series:
        series = self._series.get(prompt)
        if series is None:
            series = self._series[prompt] = _Series(
                self._renders.labels(prompt, "success", ""),
                self._duration.labels(prompt),
                self._cache.labels(prompt, "hit"),
            )
        return series


class SupplyMetrics:
    """How what is served comes here: from the feed, the snapshot or a directory."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._feed_connected = _gauge("promptops_feed_connected", "1 while the feed is connected.", registry)
        self._feed_stale = _gauge("promptops_feed_stale", "1 while the origin has been silent for too long.", registry)
        self._age = _gauge("promptops_index_age_seconds", "Time since the origin confirmed what is held.", registry)
        self._seq = _gauge("promptops_index_position_seq", "Sequence number of the index held.", registry)
        self._prompts = _gauge("promptops_index_prompts", "Prompts in the index held.", registry)
        self._refused = Counter(
            "promptops_feed_refused",
            "What the feed offered and was refused, by reason.",
            ("reason",),
            registry=registry,
        )
        self._reports_refused = Counter(
            "promptops_reports_refused",
            "Reports of what is served here that the hop above refused, by reason.",
            ("reason",),
            registry=registry,
        )
        self._snapshot_errors = Counter(
            "promptops_snapshot_errors",
            "Failures to read or write the snapshot, by reason.",
            ("reason",),
            registry=registry,
        )
        self._snapshot_in_clear = _gauge(
            "promptops_snapshot_in_clear",
            "1 while the snapshot lies on a disk, not in memory, and no key seals it.",
            registry,
        )
        self._directory_findings = _gauge(
            "promptops_directory_findings", "What is wrong in the directory that is served.", registry
        )

    def refused(self, reason: str) -> None:
        """Count an offer of the feed that was refused."""
        self._refused.labels(reason).inc()

    def reports_refused(self, reason: str) -> None:
        """Count a report that the hop above did not take."""
        self._reports_refused.labels(reason).inc()

    def snapshot_failed(self, reason: str) -> None:
        """Count a failure of the snapshot."""
        self._snapshot_errors.labels(reason).inc()

    def snapshot_lies(self, *, in_clear: bool) -> None:
        """Say whether others may read the snapshot."""
        self._snapshot_in_clear.set(in_clear)

    def feed(self, *, connected: bool, stale: bool, age_seconds: float) -> None:
        """Say how the feed stands."""
        self._feed_connected.set(connected)
        self._feed_stale.set(stale)
        self._age.set(age_seconds)

    def index(self, *, seq: int, prompts: int) -> None:
        """Say what is held."""
        self._seq.set(seq)
        self._prompts.set(prompts)

    def directory(self, findings: int) -> None:
        """Say how much is wrong in the directory."""
        self._directory_findings.set(findings)


class ClientMetrics:
    """The processes next door that render for themselves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._clients = Gauge(
            "promptops_clients",
            "Processes next door that render for themselves, by what from (current: as new as what is held, behind: older).",
            ("state",),
            registry=registry,
        )

    def rendering(self, *, current: int, behind: int) -> None:
        """Say how many processes next door render for themselves."""
        self._clients.labels("current").set(current)
        self._clients.labels("behind").set(behind)


class SidecarMetrics:
    """Every metric of one sidecar by subject, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = self._registry = registry or CollectorRegistry()
        self.process = ProcessMetrics(registry)
        self.mirror = MirrorMetrics(registry)
        self.prompts = PromptMetrics(registry)
        self.supply = SupplyMetrics(registry)
        self.clients = ClientMetrics(registry)

    def exposition(self, observe: Callable[[], None]) -> Exposition:
        """Return what answers a scrape; it calls `observe` to bring the gauges up to date."""
        return Exposition(self._registry, observe)


def _gauge(name: str, documentation: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, documentation, registry=registry)
