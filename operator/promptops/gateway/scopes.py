"""Whose callers a gateway has had lately, and what each is answered from: one namespace's store, and nobody else's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from promptops.api import reasons
from promptops.api.feed import Acknowledged, ReportBatch, ReportsAnswer
from promptops.cache.clock import Clock
from promptops.cache.store import Event, Store, Swapped
from promptops.feed.admittance import refusal
from promptops.feed.authentication import Caller
from promptops.feed.relay import Relay
from promptops.feed.reporter import Reporter
from promptops.reader.answers import Answers
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.sidecar.counting import Counting
from promptops.sidecar.data import DataApp
from promptops.sidecar.events import EventHub
from promptops.sidecar.guard import Guard
from promptops.sidecar.state import State
from promptops.telemetry.gateway import GatewayMetrics
from promptops.telemetry.supervision import Supervisor

IDLE_SECONDS: Final = 600.0
"""A namespace that nobody called for is let go of, and reported as served here no more."""
_SWEEP_SECONDS: Final = 30.0


class _HopAbove:
    """The relay as what keeps the stores current."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    @property
    def connected(self) -> bool:
        return self._relay.connected

    def dependencies(self) -> Mapping[str, str]:
        return {"feed": "ok" if self.connected else self._relay.problem or "not connected"}

    def findings(self) -> int:
        return 0

    def load(self) -> None:
        """There is nothing to load."""

    async def run(self) -> None:
        """The relay runs by itself."""

    def close(self) -> None:
        """The relay is closed by itself."""


@dataclass(frozen=True)
class _ToRelay:
    """Takes the reports of this gateway as those of one that follows here."""

    relay: Relay
    caller: Caller

    async def report(self, reports: ReportBatch) -> ReportsAnswer:
        taken = (Acknowledged(each.instance, self.relay.reported(self.caller, each, 0.0)) for each in reports.reports)
        return ReportsAnswer(tuple(taken))


@dataclass
class _Served:
    store: Store
    app: DataApp
    reporting: asyncio.Task[None]
    unlisten: Callable[[], None]
    asked_at: float

    async def end(self) -> None:
        self.unlisten()
        self.reporting.cancel()
        await asyncio.gather(self.reporting, return_exceptions=True)


class ScopesServed:
    """One application for each namespace. Belongs to one event loop."""

    def __init__(
        self,
        relay: Relay,
        metrics: GatewayMetrics,
        supervisor: Supervisor,
        kids: Callable[[], tuple[str, ...]],
        account: Caller,
        instance: str,
    ) -> None:
        """`account`: in whose name it is reported what is served here; `instance`: which of them this one is."""
        self._relay = relay
        self._metrics = metrics
        self._supervisor = supervisor
        self._kids = kids
        self._account = account
        self._instance = instance
        self._now = Clock().now
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="renders")
        self._served: dict[str, _Served] = {}

    def __len__(self) -> int:
        return len(self._served)

    def of(self, caller: Caller) -> DataApp:
        """Return what answers a caller. Raises HttpRefusal while nothing is held of its namespace."""
        store = self._relay.store(caller.scope)
        if store is None or store.current is None:
            raise refusal(503, reasons.NOT_READY, "nothing is published for this namespace yet; retry")
        served = self._served.get(caller.scope)
        if served is None or served.store is not store:
            served = self._served[caller.scope] = self._make(caller, store, served)
        served.asked_at = time.monotonic()
        return served.app

    async def run(self) -> None:
        """Let go of whom nobody calls for, forever."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            over = [scope for scope, each in self._served.items() if time.monotonic() - each.asked_at > IDLE_SECONDS]
            await asyncio.gather(*(self._served.pop(scope).end() for scope in over))

    async def end(self) -> None:
        """Serve nobody any more, and say so."""
        served, self._served = self._served, {}
        await asyncio.gather(*(each.end() for each in served.values()))

    def _make(self, caller: Caller, store: Store, before: _Served | None) -> _Served:
        if before is not None:
            before.unlisten()
            before.reporting.cancel()
        tally = Tally()
        counting = Counting(self._metrics, tally, RenderStatistics(time.monotonic))
        answers, hub = Answers(store, counting, self._now), EventHub(store)
        state = State(store, _HopAbove(self._relay), self._supervisor, self._now)
        reported = Caller(
            caller.scope, caller.namespace, caller.tenant, self._account.pod_uid, self._account.service_account
        )
        reporter = Reporter(_ToRelay(self._relay, reported), store, self._instance, kids=self._kids, renders=tally)

        def heard(event: Event) -> None:
            if isinstance(event, Swapped):
                counting.forget(event.view)
            reporter.changed(durable=False)

        # Its certificate is for one name, so a page that had another rebound to it does not get this far.
        app = DataApp(answers, state.health, Guard(check_host=False), self._worker, counting, hub)
        reporting = asyncio.create_task(self._supervisor.keep("reports", reporter.run))
        return _Served(store, app, reporting, store.listen(heard), time.monotonic())
