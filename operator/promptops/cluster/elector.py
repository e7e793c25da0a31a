"""Leadership by a Lease: at most one leader at a time, known by a term that only grows. It stops itself before anyone else may start."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from promptops.cluster import lease as leases
from promptops.cluster.errors import AlreadyExists, ClusterError, Conflict, NotFound
from promptops.cluster.lease import LeaseRecord, Sighting, Timing
from promptops.cluster.objects import Objects
from promptops.cluster.resources import LEASES
from promptops.cluster.rivals import Rivals

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
_TIMING = Timing()
_RELEASE_SECONDS = 2.0


@dataclass(frozen=True)
class Leadership:
    """What a leader is known by in positions."""

    epoch: int
    term: int


class LostLease(Exception):
    """Somebody else holds the Lease, or we could not renew it in time."""


class Elector:
    """Acquires, renews and releases one Lease."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing = _TIMING,
        rivals: Rivals | None = None,
        address: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identity = identity
        self._address = address
        self.namespace = namespace
        self.name = name
        self.problem: str | None = None
        """Why the Lease can be neither read nor written now; None when it can."""
        self.rival: str | None = None
        """Which operator in another namespace keeps us from leading."""
        self._objects = objects
        self._timing = timing
        self._monotonic = monotonic
        self._lease: dict[str, Any] | None = None
        self._sighting: Sighting | None = None
        self._leadership: Leadership | None = None
        self._renewed_at = 0.0
        self._released = False
        self._rivals = rivals
        self._looked_at = float("-inf")
        self._writing = asyncio.Lock()

    @property
    def leadership(self) -> Leadership | None:
        """Our epoch and term while we lead. A process that slept past its deadline reads None when it wakes."""
        late = self._monotonic() - self._renewed_at >= self._timing.renew_deadline
        return None if late else self._leadership

    @property
    def renewed_seconds_ago(self) -> float | None:
        """How long ago we asked for the renewal by which we lead now; None while we do not lead."""
        return self._monotonic() - self._renewed_at if self.leadership is not None else None

    @property
    def holder(self) -> str | None:
        """Who was last seen to hold the Lease."""
        return self._sighting.record.holder if self._sighting else None

    @property
    def leader_address(self) -> str | None:
        """host:port at which somebody else who leads is followed; None while we lead, or nobody does."""
        record = self._sighting.record if self._sighting else None
        if record is None or record.holder in ("", self.identity):
            return None
        return record.address

    async def run(
        self,
        started: Callable[[Leadership], Coroutine[Any, Any, None]],
        stopped: Callable[[str], Awaitable[None]],
    ) -> None:
        """Compete forever. `started` runs when we lead, until it ends or we lose; `stopped` is told why we no longer do."""
        while True:
            leadership = await self._acquired()
            reason = ""
            try:
                async with asyncio.TaskGroup() as group:
                    # What a new leader has to do first may take longer than a Lease is worth: renew meanwhile.
                    group.create_task(started(leadership))
                    await self._keep()
            except* LostLease as lost:
                reason = str(lost.exceptions[0])
            self._leadership = None
            await stopped(reason)

    async def release(self) -> None:
        """Give the Lease up, so that the next leader need not wait. Failing to is no harm: it expires."""
        self._released = True
        if self.leadership is None or self._lease is None:
            return
        self._leadership = None
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS), self._writing:
                await self._write(leases.released(self._lease, _now()))

    async def raise_epoch(self, above: int) -> Leadership:
        """Confirm by a consistent read that we lead, then move to an epoch higher than `above`.

        Raises LostLease when we do not lead, ClusterError when the API server did not answer.
        """
        async with self._writing:
            lease = await self._objects.get(LEASES, self.namespace, self.name)
            leadership = self._confirmed(lease)
            epoch = max(leadership.epoch, above) + 1
            await self._write(leases.with_epoch(lease, epoch))
            self._leadership = Leadership(epoch, leadership.term)
            return self._leadership

    async def _acquired(self) -> Leadership:
        while True:
            try:
                if leadership := await self._try_to_acquire():
                    self._note(None)
                    return leadership
            except Conflict:
                pass  # another replica was faster; look again
            except ClusterError as error:
                self._note(str(error))
            at_most = self._timing.retry * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            await asyncio.sleep(leases.pause(self._sighting, at_most, self._monotonic()))

    async def _try_to_acquire(self) -> Leadership | None:
        asked_at = self._monotonic()
        lease = await self._read_or_create()
        self._sighting = leases.sighted(self._sighting, LeaseRecord.of(lease), self._monotonic())
        if rival := await self._rival(lease, leading=False):
            self._note(rival)
            return None
        if not leases.may_take(self._sighting, self.identity, self._monotonic()):
            self._note(None)
            return None
        # An epoch above every earlier one even when the Lease, and its count of terms with it, was deleted.
        lease = leases.taken(lease, self.identity, self._timing, _now(), int(time.time()), self._address)
        await self._write(lease)
        record = LeaseRecord.of(self._lease or lease)
        self._renewed_at = asked_at
        self._leadership = Leadership(record.epoch or 0, record.transitions)
        return self._leadership

    async def _read_or_create(self) -> dict[str, Any]:
        try:
            return await self._objects.get(LEASES, self.namespace, self.name)
        except NotFound:
            with suppress(AlreadyExists):
                return await self._objects.create(LEASES, leases.fresh(self.namespace, self.name))
            return await self._objects.get(LEASES, self.namespace, self.name)

    async def _keep(self) -> None:
        """Renew until that fails for good; raise LostLease then."""
        while True:
            await asyncio.sleep(self._timing.retry)
            if self._released:
                await asyncio.Event().wait()  # whoever runs us ends us
            if self._leadership is None:
                raise LostLease(f"the Lease is held by {self.holder}")
            await self._yield_to_rival()
            left = self._renewed_at + self._timing.renew_deadline - self._monotonic()
            if left <= 0:
                raise LostLease(
                    f"the Lease could not be renewed for {self._timing.renew_deadline:.0f} s: {self.problem}"
                )
            try:
                # A connection that died silently must not cost more than one attempt.
                async with asyncio.timeout(min(left, self._timing.renew_deadline / 3)):
                    await self._renew()
            except TimeoutError:
                self._note("no answer in time")

    async def _yield_to_rival(self) -> None:
        """Raise LostLease when an operator in another namespace leads as well, and has the older Lease."""
        if self._lease is None or self._monotonic() - self._looked_at < self._timing.renew_deadline:
            return
        try:
            async with asyncio.timeout(self._timing.retry):
                rival = await self._rival(self._lease, leading=True)
        except (ClusterError, TimeoutError):
            return  # whether the Lease is ours is what matters first
        if rival is None:
            return
        self._leadership = None
        with suppress(ClusterError):
            await self._write(leases.released(self._lease, _now()))
        raise LostLease(rival)

    async def _rival(self, lease: dict[str, Any], *, leading: bool) -> str | None:
        self._looked_at = self._monotonic()
        if self._rivals is not None:
            self.rival = await self._rivals.ahead_of(lease, leading=leading)
        return self.rival

    async def _renew(self) -> None:
        asked_at = self._monotonic()
        try:
            async with self._writing:
                if self._leadership is None or self._lease is None:
                    return
                try:
                    await self._write(leases.renewed(self._lease, _now()))
                except Conflict:
                    # Somebody wrote into our Lease. Theirs now, or a label was put on it: a consistent read tells.
                    lease = await self._objects.get(LEASES, self.namespace, self.name)
                    self._confirmed(lease)
                    await self._write(leases.renewed(lease, _now()))
        except NotFound:
            raise LostLease("the Lease was deleted") from None
        except ClusterError as error:
            self._note(str(error))
            return
        self._note(None)
        self._renewed_at = asked_at

    def _note(self, problem: str | None) -> None:
        if problem != self.problem:
            if problem is None:
                log.info("Lease within reach again")
            else:
                log.warning("Lease out of reach", reason=problem)
        self.problem = problem

    def _confirmed(self, lease: dict[str, Any]) -> Leadership:
        record = LeaseRecord.of(lease)
        ours = self._leadership
        if ours is None or record.holder != self.identity or record.transitions != ours.term:
            self._leadership = None
            raise LostLease(f"the Lease is held by {record.holder or 'nobody'}, in term {record.transitions}")
        return ours

    async def _write(self, lease: dict[str, Any]) -> None:
        self._lease = await self._objects.replace(LEASES, lease)
        self._sighting = leases.sighted(self._sighting, LeaseRecord.of(self._lease), self._monotonic())


def _now() -> datetime:
    return datetime.now(UTC)
