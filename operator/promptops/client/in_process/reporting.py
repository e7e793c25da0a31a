"""Tells the sidecar what this process renders from and what came of it: at once when the former changes, else every few seconds.

Best effort, beside the renders: what cannot be said now is said later, under the number it had, so that it counts once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Final, Protocol

from promptops.api import reasons
from promptops.api.clients import ClientReport, ClientReportAnswer, LocalRenders
from promptops.api.feed import HEARTBEAT_SECONDS, MAX_REPORTED_NACKS, Nack, Position
from promptops.cache.view import View
from promptops.client.in_process.ledger import RenderLedger
from promptops.feed.hop import Disconnected

LOOK_SECONDS: Final = 1.0
"""So often what was rendered meanwhile is told."""
GOODBYE_SECONDS: Final = 0.5


class ToldOfRenders(Protocol):
    """Whoever is told: the sidecar."""

    async def report(self, report: ClientReport) -> ClientReportAnswer:
        """Take it; return what was counted. Raises Disconnected."""


class NobodyTold:
    """There is no sidecar: what was rendered stays in the process's own statistics."""

    async def report(self, report: ClientReport) -> ClientReportAnswer:
        """Take it for counted."""
        return ClientReportAnswer(report.number)


class Reporting:
    """Tells of one process. Belongs to the thread that follows."""

    def __init__(
        self, instance: str, recipient: ToldOfRenders, ledger: RenderLedger, current: Callable[[], View | None]
    ) -> None:
        """`instance`: who follows. `current`: returns what is rendered from; None while the sidecar is asked."""
        self._recipient = recipient
        self._ledger = ledger
        self._current = current
        self._instance = instance
        self._number = 0
        self._untaken: tuple[LocalRenders, ...] = ()
        self._said: tuple[Position | None, tuple[Nack, ...]] | None = None
        self._wake: asyncio.Event | None = None

    def changed(self) -> None:
        """Tell at once, unless nothing is different."""
        if self._wake is not None and self._stand() != self._said:
            self._wake.set()

    async def run(self) -> None:
        """Tell until cancelled, and then once more."""
        self._wake, self._said = asyncio.Event(), None
        loop = asyncio.get_running_loop()
        told_at = loop.time() - HEARTBEAT_SECONDS
        try:
            while True:
                is_due = loop.time() - told_at >= HEARTBEAT_SECONDS
                if (is_due or self._has_news()) and await self._tell():
                    told_at = loop.time()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            await self._say_goodbye()

    def _stand(self) -> tuple[Position | None, tuple[Nack, ...]]:
        view = self._current()
        if view is None:
            return None, ()
        return view.position, tuple(islice(view.nacks.values(), MAX_REPORTED_NACKS))

    def _has_news(self) -> bool:
        if not self._untaken and (taken := self._ledger.take()):
            self._untaken = taken
            self._number += 1
        return bool(self._untaken) or self._stand() != self._said

    async def _tell(self, *, goodbye: bool = False) -> bool:
        position, nacks = stand = self._stand()
        number = self._number if self._untaken else 0
        try:
            await self._recipient.report(
                ClientReport(self._instance, number, position, nacks, self._untaken, goodbye=goodbye)
            )
        except Disconnected as problem:
            if problem.reason != reasons.UNREACHABLE:
                # It was heard and refused: said again, it would be refused again.
                self._untaken = ()
            return False
        self._said, self._untaken = stand, ()
        return True

    async def _say_goodbye(self) -> None:
        self._wake = None
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                while self._has_news() and await self._tell():
                    pass
                await self._tell(goodbye=True)
