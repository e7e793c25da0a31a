"""The processes next door that render for themselves: what they render from, and what came of it. Belongs to one event loop.

A process that holds an older version than its sidecar goes on rendering that one. So the sidecar says of itself no more than all
who follow it can do: the least position, whatever any of them could not take. Who is silent for as long as an instance may be
is believed no more: by then it renders nothing from what it holds, for nobody has confirmed that to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from promptops.api import reasons
from promptops.api.clients import ClientReport, ClientReportAnswer, LocalRenders
from promptops.api.feed import LOST_SECONDS, Nack, Position
from promptops.cache.store import Store
from promptops.feed.reporter import Below
from promptops.reader.requests import read_strictly
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.telemetry.sidecar import SidecarMetrics
from promptops.web.answers import SAFE, Answer
from promptops.web.problems import HttpRefusal, problem

MAX_CLIENTS: Final = 256
"""As many as may follow."""
MAX_REPORT_BYTES: Final = 256 * 1024
_JSON: Final = "application/json"
_NO_STORE: Final = (("cache-control", "no-store"), *SAFE)
_CODES: Final = frozenset(value for name, value in vars(reasons).items() if name.isupper())


@dataclass(slots=True)
class _Client:
    number: int
    heard_at: float
    position: Position | None
    nacks: tuple[Nack, ...]


class Clients(Below):
    """Who renders for itself."""

    def __init__(
        self,
        store: Store,
        metrics: SidecarMetrics,
        tally: Tally,
        statistics: RenderStatistics,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._tally = tally
        self._statistics = statistics
        self._monotonic = monotonic
        self._clients: dict[str, _Client] = {}
        self._changed: list[Callable[[], None]] = []
        self._told: tuple[Position | None, tuple[Nack, ...]] = (None, ())

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._heard_of())

    @property
    def behind(self) -> int:
        """How many of them render from something older than what is held here."""
        view = self._store.current
        return sum(view is not None and each.position < view.position for each in self._heard_of() if each.position)

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed` when `least` or `nacks` may have become something else."""
        self._changed.append(changed)

    def least(self, own: Position) -> Position:
        """Return the least position that anybody renders from."""
        return min((own, *(each.position for each in self._heard_of() if each.position is not None)))

    def nacks(self) -> tuple[Nack, ...]:
        """Return what any of them could not take, by name."""
        found = {nack.name: nack for each in self._heard_of() for nack in each.nacks}
        return tuple(found[name] for name in sorted(found))

    def take(self, body: bytes) -> Answer:
        """Answer POST /v1/reports. Raises InvalidInput, HttpRefusal."""
        report = read_strictly(body, ClientReport)
        before = self._clients.pop(report.instance, None)
        if before is None and self.count >= MAX_CLIENTS:
            raise HttpRefusal(
                problem(429, reasons.TOO_MANY_REQUESTS, f"{MAX_CLIENTS} processes report already", retryable=True),
                {"retry-after": "5"},
            )
        taken = before.number if before is not None else 0
        if report.number > taken:
            taken = report.number
            for renders in report.renders:
                self._count(renders)
        if not report.goodbye:
            self._clients[report.instance] = _Client(taken, self._monotonic(), report.position, report.nacks)
        self._tell()
        return Answer(200, msgspec.json.encode(ClientReportAnswer(taken)), _JSON, _NO_STORE)

    def _count(self, renders: LocalRenders) -> None:
        """Count what is said of a prompt that is held; codes that nobody here knows become one."""
        view = self._store.current
        if view is None or renders.prompt not in view.entries:
            return
        failures, fallbacks = _known(renders.failures), _known(renders.fallbacks)
        self._metrics.prompts.told(renders.prompt, renders.succeeded, failures, fallbacks)
        self._statistics.told(msgspec.structs.replace(renders, failures=failures, fallbacks=fallbacks))
        if renders.digest in view.blobs:
            self._tally.told(renders.digest, renders.succeeded, sum(failures.values()), renders.latency_buckets)

    def _tell(self) -> None:
        """Tell of what differs for all of them together: two hundred that follow one activation are one piece of news."""
        positions = [each.position for each in self._heard_of() if each.position is not None]
        together = (min(positions, default=None), self.nacks())
        if together != self._told:
            self._told = together
            for changed in self._changed:
                changed()

    def _heard_of(self) -> list[_Client]:
        """Forget whoever fell silent, and return the others. Whoever spoke last stands last."""
        until = self._monotonic() - LOST_SECONDS
        for instance, client in list(self._clients.items()):
            if client.heard_at > until:
                break
            del self._clients[instance]
        return list(self._clients.values())


def _known(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by code; codes that nobody here knows become one."""
    known = Counter({code: many for code, many in counts.items() if code in _CODES})
    known[reasons.INTERNAL_ERROR] += sum(counts.values()) - known.total()
    return dict(+known)
