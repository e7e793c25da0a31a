"""Tells the hop above what is served here: at once when it changes, every five seconds, and once more at the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from promptops.api.feed import HEARTBEAT_SECONDS, Nack, RenderCounters, Report
from promptops.cache.store import Store
from promptops.feed.connection import Disconnected, Upstream

RETRY_SECONDS = 0.1
"""The first pause after a failure: a kept connection that the other side has just closed fails once."""
GOODBYE_SECONDS = 1.0


def _no_counters() -> tuple[RenderCounters, ...]:
    return ()


class Reporter:
    """Sends reports of one instance. What changes while a report is under way goes into the next one."""

    def __init__(
        self,
        connection: Upstream,
        store: Store,
        instance: str,
        *,
        kids: Callable[[], tuple[str, ...]] = tuple,
        renders: Callable[[], tuple[RenderCounters, ...]] = _no_counters,
    ) -> None:
        self._connection = connection
        self._store = store
        self._instance = instance
        self._kids = kids
        self._renders = renders
        self._durable = False
        self._refusing: str | None = None
        self._serving: object = None
        self._wake = asyncio.Event()

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
        nacks = tuple(view.nacks.values()) if view is not None else ()
        if self._refusing is not None:
            # No prompt has an empty name: this one stands for the index.
            nacks = (Nack("", "", 0, self._refusing), *nacks)
        return Report(
            instance=self._instance,
            position=view.position if view is not None else None,
            durable=self._durable and view is not None,
            nacks=nacks,
            kids=self._kids(),
            renders=self._renders(),
            goodbye=goodbye,
        )

    async def run(self) -> None:
        """Report until cancelled, and then say goodbye."""
        backoff = RETRY_SECONDS
        try:
            while True:
                if await self._send():
                    backoff = RETRY_SECONDS
                    await self._wait(HEARTBEAT_SECONDS)
                else:
                    await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the attempts
                    backoff = min(2 * backoff, HEARTBEAT_SECONDS)
        finally:
            await self._say_goodbye()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _send(self) -> bool:
        self._wake.clear()
        try:
            await self._connection.report(self.report())
        except Disconnected:
            return False
        return True

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._connection.report(self.report(goodbye=True))
        except (Disconnected, TimeoutError):
            # Nobody hears it: this instance will be counted as lost until it is forgotten.
            return
