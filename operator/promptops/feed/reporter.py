"""Tells the hop above what is served here: at once when it changes, every five seconds, and once more at the end.

Many changes in a row go into fewer reports: nobody waits for those in between, and a hop refuses whoever calls too often.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Protocol

from promptops.api.feed import (
    HEARTBEAT_SECONDS,
    MAX_REPORTED_NACKS,
    Acknowledged,
    Nack,
    Position,
    Report,
    ReportBatch,
    ReportsAnswer,
)
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.feed.hop import Disconnected
from promptops.reader.tally import Tally
from promptops.web.budgets import Allowance

RETRY_SECONDS = 0.1
"""The first pause after a failure: a kept connection that the other side has just closed fails once."""
GOODBYE_SECONDS = 1.0
REPORTS = (25, 2.5)
"""Reports at once, and then a second: half of the calls that a hop grants a pod. Whoever is refused is silent for seconds."""
_GRAIN_SECONDS = 0.01
"""Timers may be early by the grain of a loop's clock."""


Refused = Callable[[str, str], None]
"""Told why, in a constant and in detail, the hop above did not take what was reported."""


def nobody_told(_reason: str, _detail: str) -> None:
    """Nobody is told."""


class Recipient(Protocol):
    """Whoever takes reports: the hop above."""

    async def report(self, reports: ReportBatch) -> ReportsAnswer:
        """Take them; return which were taken. Raises Disconnected."""


class Below(Protocol):
    """Whoever renders from what this instance hands on: no more is served than they all can do."""

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed` when one of the others may have become something else."""

    def least(self, own: Position) -> Position:
        """Return the least position that anybody renders from, this instance included."""

    def nacks(self) -> tuple[Nack, ...]:
        """Return what any of them could not take, by name."""


class Reporter:
    """Sends reports of one instance. What changes while a report is under way goes into the next one."""

    def __init__(
        self,
        connection: Recipient,
        store: Store,
        instance: str,
        *,
        kids: Callable[[], tuple[str, ...]] = tuple,
        renders: Tally | None = None,
        below: Below | None = None,
        refused: Refused = nobody_told,
    ) -> None:
        """`refused`: told when the hop above has refused a report."""
        self.problem: str | None = None
        """Why the last report was refused; None when it was not."""
        self._refused_by_hop = refused
        self._connection = connection
        self._store = store
        self._instance = instance
        self._kids = kids
        self._renders = renders or Tally()
        self._incarnation = _drawn()
        self._number = 0
        self._base = 0
        self._durable = False
        self._refusing: str | None = None
        self._serving: object = None
        self._wake = asyncio.Event()
        self._allowance = Allowance(*REPORTS)
        self._below = below
        if below is not None:
            below.listen(self._wake.set)

    def changed(self, *, durable: bool) -> None:
        """Report at once if what is served differs from what was served. `durable`: whether it is on disk."""
        view = self._store.current
        serving = (durable, view.signed if view is not None else None, view.nacks if view is not None else None)
        if self._refusing is not None or serving != self._serving:
            self._wake.set()
        self._durable, self._refusing, self._serving = durable, None, serving

    def refusing(self, reason: str) -> None:
        """Report at once: what is offered is refused as a whole, so what is held stays."""
        if reason != self._refusing:
            self._refusing = reason
            self._wake.set()

    def report(self, *, goodbye: bool = False) -> Report:
        """What is served now."""
        view = self._store.current
        nacks = tuple(islice(self._refused(view).values(), MAX_REPORTED_NACKS + 1)) if view is not None else ()
        if self._refusing is not None:
            # No prompt has an empty name: this one stands for the index.
            nacks = (Nack("", "", 0, self._refusing), *nacks)
        self._number += 1
        return Report(
            instance=self._instance,
            incarnation=self._incarnation,
            number=self._number,
            base=self._base,
            position=self._served(view) if view is not None else None,
            durable=self._durable and view is not None,
            nacks=nacks,
            kids=self._kids(),
            renders=self._renders.changes(),
            goodbye=goodbye,
        )

    async def run(self) -> None:
        """Report until cancelled, and then say goodbye. May be run again: as another incarnation, for the last one is over."""
        self._begin_anew()
        backoff = RETRY_SECONDS
        try:
            while True:
                await self._turn()
                if await self._send():
                    backoff = RETRY_SECONDS
                    await self._wait(HEARTBEAT_SECONDS)
                else:
                    await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the attempts
                    backoff = min(2 * backoff, HEARTBEAT_SECONDS)
        finally:
            await self._say_goodbye()

    def _begin_anew(self) -> None:
        # What comes after a goodbye of the same incarnation is taken for a report that was overtaken by it.
        self._incarnation, self._number, self._base = _drawn(), 0, 0
        self._renders.again()

    def _served(self, view: View) -> Position:
        return self._below.least(view.position) if self._below is not None else view.position

    def _refused(self, view: View) -> Mapping[str, Nack]:
        if self._below is None or not (others := self._below.nacks()):
            return view.nacks
        return {nack.name: nack for nack in others if nack.name in view.entries} | dict(view.nacks)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _turn(self) -> None:
        """Wait until another report may be sent. What changes meanwhile goes into the same one."""
        loop = asyncio.get_running_loop()
        lacking = 1.0 - self._allowance.left(loop.time())
        if lacking > 0:
            await asyncio.sleep(lacking / REPORTS[1] + _GRAIN_SECONDS)
        self._allowance.take(loop.time())

    async def _send(self) -> bool:
        self._wake.clear()
        report = self.report()
        try:
            answer = await self._connection.report(ReportBatch((report,)))
        except Disconnected as error:
            if error.is_refusal:
                self.problem = str(error)
                self._refused_by_hop(error.reason, error.detail)
            return False
        self.problem = None
        self._heard(report, answer)
        return True

    def _heard(self, report: Report, answer: ReportsAnswer) -> None:
        if Acknowledged(self._instance, report.number) in answer.acknowledged:
            self._base = report.number
            self._renders.acknowledged()
        elif self._base:
            self._base = 0
            self._renders.again()

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._connection.report(ReportBatch((self.report(goodbye=True),)))
        except (Disconnected, TimeoutError):
            # Nobody hears it: this instance will be counted as lost until it is forgotten.
            return


def _drawn() -> str:
    return secrets.token_hex(8)
