"""Works on due keys: level-triggered, one at a time per key, in turns, backing off from failures. No object is ever in the queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from promptops.controller.decide.ledger import Lane, Ledger
from promptops.domain.bucket import Bucket

KeyType = TypeVar("KeyType", bound=Hashable)

WORKERS = 16
BESIDE_CHANGES = 2
"""So many workers do what merely follows while one does what somebody waits for: the API server is shared by both."""
RUSH = 8
CALM_SECONDS = 0.05
"""So many changes that come no further apart are a rush: what follows from the first waits for the last."""
HOLD_SECONDS = 2.0
"""But for no longer than this: then it goes on beside them."""
COUNTS_PER_SECOND = 20.0
"""Statuses of which nothing but a count is news are written no faster than this, over all namespaces."""


class KeyedQueue(Generic[KeyType]):
    """A bounded number of workers, some of whom always wait for what is urgent."""

    def __init__(
        self,
        work: Callable[[KeyType], Awaitable[bool]],
        group_of: Callable[[KeyType], Hashable],
        workers: int = WORKERS,
        counts_per_second: float = COUNTS_PER_SECOND,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        """`work` says whether it wrote anything; keys of one group take turns with those of others."""
        self._work = work
        self._hold_seconds = hold_seconds
        self._changing_at = float("-inf")
        """When a change was worked on last."""
        self._in_a_row = 0
        """How many changes have come since it was calm."""
        self._held_since: float | None = None
        """Since when there is a rush; None once it is over and nothing is left that follows from it."""
        self._workers = workers
        self._ledger: Ledger[KeyType] = Ledger(group_of)
        self._counts = Bucket(counts_per_second, counts_per_second)
        self._wake = asyncio.Event()
        self._free = workers
        self._since: dict[KeyType, float] = {}
        """When a key that waits was added. One that a delay brings up is not in it."""
        self.waited: Callable[[Lane, float], None] = lambda lane, seconds: None
        """Told how long a key waited for its turn."""
        self.failed: Callable[[KeyType, Exception, float], None] = lambda key, error, delay: None
        """Told of a failure and when the key is tried again."""
        self.retry_after: Callable[[Exception], float] = lambda error: 0.0
        """How long a failure asks us to wait at least."""

    def __len__(self) -> int:
        return len(self._ledger)

    @property
    def is_holding(self) -> bool:
        """Whether what merely follows should wait: changes come, each of which somebody waits for."""
        return self._holds(asyncio.get_running_loop().time())

    def waiting(self, lane: Lane) -> int:
        """How many keys wait in a lane."""
        return self._ledger.waiting(lane)

    def add(self, key: KeyType, lane: Lane = Lane.CHANGED) -> None:
        """Work on the key soon."""
        self._ledger.add(key, lane)
        self._since.setdefault(key, time.monotonic())
        self._wake.set()

    def add_after(self, key: KeyType, seconds: float, lane: Lane = Lane.FOLLOWING) -> None:
        """Work on the key after a while, unless something makes it due earlier."""
        self._ledger.add_at(key, asyncio.get_running_loop().time() + seconds, lane)
        self._wake.set()

    def add_in(self, key: KeyType, seconds: float, lane: Lane) -> None:
        """Work on the key now, or after a while."""
        if seconds > 0.0:
            self.add_after(key, seconds, lane)
        else:
            self.add(key, lane)

    async def run(self) -> None:
        """Work forever."""
        async with asyncio.TaskGroup() as group:
            while True:
                key, lane = await self._next()
                self._free -= 1
                self._in_a_row += lane is Lane.CHANGED
                if (since := self._since.pop(key, None)) is not None:
                    self.waited(lane, time.monotonic() - since)
                group.create_task(self._work_on(key, lane))

    async def _next(self) -> tuple[KeyType, Lane]:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            taken, look_at = self._take(loop.time())
            if taken is not None:
                return taken
            try:
                async with asyncio.timeout_at(look_at):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _take(self, now: float) -> tuple[tuple[KeyType, Lane] | None, float | None]:
        """Return a key, or until when to wait for one."""
        if not self._free:
            return None, None
        can_wait = self._ledger.busy(Lane.FOLLOWING) < self._most_that_follow(now)
        taken = self._ledger.take(now, Lane.FOLLOWING if can_wait else Lane.CHANGED)
        due = self._ledger.next_due()
        if taken is None and not can_wait:
            due = min(now + CALM_SECONDS, due if due is not None else float("inf"))
        if taken is not None or not can_wait or not self._ledger.waiting(Lane.COUNTING):
            return taken, due
        seconds = self._counts.take(now)
        if seconds > 0.0:
            return None, now + seconds if due is None else min(due, now + seconds)
        return self._ledger.take(now), due

    def _most_that_follow(self, now: float) -> int:
        # Half of the workers are kept for what is urgent: a slow API server must not fill all with what can wait.
        most = max(1, self._workers // 2)
        is_changing = self._ledger.busy(Lane.CHANGED) > self._ledger.busy(Lane.FOLLOWING)
        self._note_rush(now, is_changing or self._ledger.waiting(Lane.CHANGED) > 0)
        if self._holds(now):
            return 0
        return min(most, BESIDE_CHANGES) if is_changing else most

    def _note_rush(self, now: float, is_changing: bool) -> None:
        if self._is_calm(now):
            self._in_a_row = 0
            if not (self._ledger.waiting(Lane.FOLLOWING) or self._ledger.waiting(Lane.COUNTING)):
                self._held_since = None
        if is_changing:
            self._changing_at = now
        if self._in_a_row >= RUSH and self._held_since is None:
            self._held_since = now

    def _is_calm(self, now: float) -> bool:
        return now - self._changing_at >= CALM_SECONDS

    def _holds(self, now: float) -> bool:
        is_rush, since = self._in_a_row >= RUSH and not self._is_calm(now), self._held_since
        return is_rush and since is not None and now - since < self._hold_seconds

    async def _work_on(self, key: KeyType, lane: Lane) -> None:
        try:
            wrote = await self._work(key)
        except Exception as error:
            # Whatever went wrong with one object must not keep the others waiting, nor be forgotten.
            now = asyncio.get_running_loop().time()
            delay = self._ledger.failed(key, now, self.retry_after(error))
            self.failed(key, error, delay)
        else:
            self._ledger.done(key)
            if lane is Lane.COUNTING and not wrote:
                self._counts.give_back()
        finally:
            if lane is Lane.CHANGED:
                self._changing_at = asyncio.get_running_loop().time()
            self._free += 1
            self._wake.set()
