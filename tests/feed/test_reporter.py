"""How often a hop is told: at once as a rule, and never more often than it takes reports from one pod."""

from __future__ import annotations

import asyncio

import pytest

from promptops.api.feed import Acknowledged, Position, ReportBatch, ReportsAnswer
from promptops.cache.store import Store
from promptops.feed.hop import Disconnected
from promptops.feed.reporter import REPORTS, Reporter
from promptops.feed.serve import REQUESTS_OF_A_POD
from promptops.web.budgets import Allowance
from tests.client.in_process.test_local import NAMED, Held
from tests.support.waiting import until


class Grudging:
    """A hop above, which grants this instance what it grants a pod, with the other half of it spent on other calls."""

    def __init__(self) -> None:
        burst, rate = REQUESTS_OF_A_POD
        # A few more: what passes between the reporter's look at the clock and this one is no fault of the reporter's.
        self._granted = Allowance(burst / 2 + 5, rate / 2)
        self.heard: list[Position | None] = []
        self.refused = 0

    async def report(self, reports: ReportBatch) -> ReportsAnswer:
        if not self._granted.take(asyncio.get_running_loop().time()):
            self.refused += 1
            raise Disconnected("TooManyRequests", "")
        (report,) = reports.reports
        self.heard.append(report.position)
        return ReportsAnswer((Acknowledged(report.instance, report.number),))


@pytest.mark.parametrize("changes", [pytest.param(1, id="one change"), pytest.param(200, id="many changes in a row")])
async def test_what_changes_is_told_and_never_refused_for_being_told_too_often(changes: int) -> None:
    held, hop = Held(p=NAMED), Grudging()
    store: Store = held.store
    reporter = Reporter(hop, store, "one")
    reporting = asyncio.create_task(reporter.run())
    await until(lambda: hop.heard)

    for number in range(changes):
        held.put(p=NAMED)
        reporter.changed(durable=number % 2 == 0)
        # As many turns as a report, its answer and the next wait take.
        for _ in range(10):
            await asyncio.sleep(0)

    assert store.current is not None
    newest = store.current.position
    await until(lambda: hop.heard[-1] == newest, within=4.0)
    assert hop.refused == 0
    assert len(hop.heard) <= changes + 1
    reporting.cancel()
    await asyncio.gather(reporting, return_exceptions=True)


def test_reports_leave_half_of_a_pods_calls_to_others() -> None:
    burst, rate = REQUESTS_OF_A_POD

    assert (burst / 2, rate / 2) == REPORTS
