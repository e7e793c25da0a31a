"""The processes next door that render for themselves: what they render from, and what came of it. Belongs to one event loop.

A process that holds an older version than its sidecar goes on rendering that one. So the sidecar says of itself no more than all
who follow it can do: the least position, whatever any of them could not take. A process is there for as long as it follows, for
without its stream it renders nothing by itself: however it ended, its end is known a second later. Who follows and is silent for
as long as an instance may be is believed no more: by then nobody has confirmed to it what it holds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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

LEFT_SECONDS: Final = 1.0
"""So long after its stream ended a process may have opened another one, or has not noticed yet."""
MAX_NUMBERS: Final = 1024
"""Processes of which it is known what was counted. More may follow in turn, and few at once."""
MAX_REPORT_BYTES: Final = 256 * 1024
_JSON: Final = "application/json"
_NO_STORE: Final = (("cache-control", "no-store"), *SAFE)
_CODES: Final = frozenset(value for name, value in vars(reasons).items() if name.isupper())


@dataclass(slots=True)
class _Client:
    position: Position | None = None
    heard_at: float = 0.0
    nacks: tuple[Nack, ...] = ()
    streams: int = 0
    left_at: float = 0.0
    """When its last stream ended, if none is open."""


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
        self._counted: OrderedDict[str, int] = OrderedDict()
        """Instance → number of the last renders that were counted, whether or not it is still there."""
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

    @contextmanager
    def following(self, instance: str) -> Iterator[None]:
        """A process follows for as long as this lasts. Until it says more, it renders from what its stream begins with."""
        self._forget()
        client = self._clients.setdefault(instance, _Client())
        view = self._store.current
        client.position, client.heard_at = view.position if view is not None else None, self._monotonic()
        client.streams += 1
        self.look()
        try:
            yield
        finally:
            client.streams -= 1
            client.left_at = self._monotonic()

    def take(self, body: bytes) -> Answer:
        """Answer POST /v1/reports. Who does not follow, or has said goodbye, is not there: only renders are counted. Raises InvalidInput."""
        report = read_strictly(body, ClientReport)
        number = self._count_once(report)
        self._forget()
        if report.goodbye:
            self._clients.pop(report.instance, None)
        elif (client := self._clients.get(report.instance)) is not None:
            client.position, client.nacks, client.heard_at = report.position, report.nacks, self._monotonic()
        self.look()
        return Answer(200, msgspec.json.encode(ClientReportAnswer(number)), _JSON, _NO_STORE)

    def look(self) -> bool:
        """Tell of what differs for all of them together: two hundred that follow one activation are one piece of news.

        Return whether somebody has left and is not forgotten yet, so that it has to be looked again.
        """
        positions = [each.position for each in self._heard_of() if each.position is not None]
        together = (min(positions, default=None), self.nacks())
        if together != self._told:
            self._told = together
            for changed in self._changed:
                changed()
        return not all(each.streams for each in self._clients.values())

    def _count_once(self, report: ClientReport) -> int:
        """Count what was not counted before. Return the number of the last renders that were."""
        counted = self._counted.pop(report.instance, 0)
        if report.number > counted:
            counted = report.number
            for renders in report.renders:
                self._count(renders)
        self._counted[report.instance] = counted
        if len(self._counted) > MAX_NUMBERS:
            self._counted.popitem(last=False)
        return counted

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

    def _forget(self) -> None:
        """Forget whose stream ended and did not come back."""
        until = self._monotonic() - LEFT_SECONDS
        over = [name for name, each in self._clients.items() if not each.streams and each.left_at <= until]
        for instance in over:
            del self._clients[instance]

    def _heard_of(self) -> list[_Client]:
        """Return who is there and did not fall silent."""
        self._forget()
        until = self._monotonic() - LOST_SECONDS
        return [each for each in self._clients.values() if each.heard_at > until]


def _known(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by code; codes that nobody here knows become one."""
    known = Counter({code: many for code, many in counts.items() if code in _CODES})
    known[reasons.INTERNAL_ERROR] += sum(counts.values()) - known.total()
    return dict(+known)
