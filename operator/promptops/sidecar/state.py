"""How the sidecar stands: what it holds, whether it is ready, what is wrong. No prompt text."""

import time
from collections.abc import Callable
from itertools import islice
from typing import Final, Literal

import msgspec

from promptops.api.http import Health
from promptops.cache.store import Store
from promptops.settings.sidecar import SidecarSettings
from promptops.sidecar.supply import Supply
from promptops.telemetry.sidecar import SupplyMetrics
from promptops.telemetry.supervision import Supervisor
from promptops.web.operations import ProbeAnswer
from promptops.web.reloading import Reloading

_MOST_NAMED: Final = 5
STARTUP_SECONDS: Final = 20.0
"""A pod must not hang in start-up because the operator is away."""


class State:
    """Answers the probes."""

    def __init__(
        self,
        store: Store,
        supply: Supply,
        supervisor: Supervisor,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        reloading: Reloading[SidecarSettings] | None = None,
    ) -> None:
        self._reloading = reloading if reloading is not None and reloading.is_followed else None
        self._supervisor = supervisor
        self._store = store
        self._supply = supply
        self._now = now
        self._monotonic = monotonic
        self._began = monotonic()

    @property
    def is_ready(self) -> bool:
        """Whether there is something to answer from, be it an empty index."""
        return self._store.current is not None

    @property
    def is_started(self) -> bool:
        """Whether the start is over, with something to answer from or without."""
        return self.is_ready or self._monotonic() - self._began >= STARTUP_SECONDS

    def health(self) -> Health:
        """Return the dependency report."""
        view = self._store.current
        return Health(
            status=self._status(),
            dependencies=self._dependencies(),
            prompts=len(view.entries) if view else 0,
            position=f"{view.header.epoch}.{view.header.term}.{view.header.seq}" if view else None,
            stale=self._store.stale(self._now()),
        )

    def ready(self) -> ProbeAnswer:
        """Answer a readiness probe."""
        # Dependencies name files and prompts; whoever may scrape need not know them.
        health = msgspec.structs.replace(self.health(), dependencies={})
        return ProbeAnswer(self.is_ready, msgspec.json.encode(health), "application/json")

    def started(self) -> ProbeAnswer:
        """Answer a startup probe."""
        return ProbeAnswer(True, "started\n") if self.is_started else ProbeAnswer(False, "starting\n")

    def observe(self, metrics: SupplyMetrics) -> None:
        """Bring the gauges up to date."""
        now, view = self._now(), self._store.current
        metrics.feed(
            connected=self._supply.connected, stale=self._store.stale(now), age_seconds=self._store.age_seconds(now)
        )
        metrics.index(seq=view.header.seq if view else 0, prompts=len(view.entries) if view else 0)
        metrics.directory(self._supply.findings())

    def _status(self) -> Literal["healthy", "degraded", "unhealthy"]:
        if not self.is_ready:
            return "unhealthy"
        depends_on = set(self._dependencies().values())
        is_well = self._supply.connected and depends_on <= {"ok"} and not self._supply.findings()
        return "healthy" if is_well and not self._store.stale(self._now()) else "degraded"

    def _dependencies(self) -> dict[str, str]:
        refused, problems = self._refused(), self._supervisor.problems
        tasks = {f"task {name}": how for name, how in problems.items()}
        settings = {"settings": self._reloading.problem or "ok"} if self._reloading is not None else {}
        return {**self._supply.dependencies(), **tasks, **settings, **({"prompts": refused} if refused else {})}

    def _refused(self) -> str:
        """Which prompts are not what was decided, because their newest entry could not be taken."""
        view = self._store.current
        if view is None or not view.nacks:
            return ""
        named = ", ".join(f"{name} ({view.nacks[name].reason})" for name in islice(view.nacks, _MOST_NAMED))
        more = len(view.nacks) - _MOST_NAMED
        return f"not up to date: {named}" + (f" and {more} more" if more > 0 else "")
