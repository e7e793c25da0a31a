"""Keeps the log of decisions: notes what was decided once it is served, and writes it a moment later, many at once.

No activation waits for it. What a leader could not write any more its successor reads from the statuses.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from promptops.cluster.errors import AlreadyExists, ClusterError, Conflict
from promptops.cluster.journal import Ring
from promptops.domain.conditions import timestamp
from promptops.domain.journal import Facts, Segment, appended, change, missed, verify, withdrawal
from promptops.domain.manifests import Manifest

GATHER_SECONDS: Final = 1.0
"""So long decisions gather for one write."""
_RETRY_SECONDS: Final = 5.0
_MAX_WAITING: Final = 10_000
"""Decisions that wait while nothing can be written. Beyond it the oldest is lost to the log, and statuses still say it."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Journal:
    """Of one replica; it writes while that leads."""

    def __init__(
        self,
        ring: Ring,
        prompts: Callable[[], tuple[Manifest, ...]],
        leads: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._ring = ring
        self._prompts = prompts
        self._leads = leads
        self._now = now
        self._waiting: deque[Facts] = deque(maxlen=_MAX_WAITING)
        self._something = asyncio.Event()
        self._last: Segment | None = None
        """The segment that is written to; None: the log has to be read first."""

    def decided(self, prompt: Manifest, status: Manifest) -> None:
        """Note what a status decides that the one before did not."""
        facts = change(prompt, status)
        if facts is not None:
            self._note(facts)

    def withdrawn(self, namespace: str, prompt: str) -> None:
        """Note that a Prompt is gone."""
        self._note(withdrawal(namespace, prompt, timestamp(self._now())))

    def begin(self) -> None:
        """Start anew, as a new leader does: another one may have written, and have ended before it wrote all."""
        self._waiting.clear()
        self._last = None
        self._something.set()

    async def run(self) -> None:
        """Write what is noted, forever."""
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._something.clear()
            if not self._leads():
                continue
            try:
                await self._write()
            except (Conflict, AlreadyExists):
                self._last = None
                self._something.set()
            except ClusterError as error:
                log.warning("decisions not logged yet", waiting=len(self._waiting), error=error.for_logs)
                self._something.set()
                await asyncio.sleep(_RETRY_SECONDS)

    def _note(self, facts: Facts) -> None:
        self._waiting.append(facts)
        self._something.set()

    async def _write(self) -> None:
        last = self._last or await self._read()
        facts = tuple(self._waiting)
        if not facts:
            self._last = last
            return
        written = appended(last, facts)
        await self._ring.write(written)
        self._last = written[-1]
        for _ in facts:
            self._waiting.popleft()
        # Whoever collects logs has the chain's end where nobody in the cluster can cut it off.
        log.info("decisions logged", count=len(facts), seq=self._last.last["seq"], hash=self._last.last["hash"])

    async def _read(self) -> Segment:
        """Read the log, and note what statuses say that it does not."""
        segments = await self._ring.read()
        # A full log takes half a second, which nobody on the loop has.
        found = await asyncio.to_thread(verify, segments)
        for fault in found.faults:
            log.error("the log of decisions was damaged", fault=fault)
        waiting = {(each.get("uid"), each.get("revision")) for each in self._waiting}
        late = [
            each for each in missed(self._prompts(), found.entries) if (each["uid"], each["revision"]) not in waiting
        ]
        self._waiting.extendleft(reversed(late))
        return segments[-1] if segments else Segment(0)
