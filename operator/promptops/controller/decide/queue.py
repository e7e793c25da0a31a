"""Which keys are due: level-triggered, one at a time per key, backing off from failures. No object is ever in the queue."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

KeyType = TypeVar("KeyType", bound=Hashable)

FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 30.0


class Ledger(Generic[KeyType]):
    """The bookkeeping. Pure: time is an argument."""

    def __init__(self, jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)) -> None:  # noqa: S311
        self._jitter = jitter
        self._dirty: OrderedDict[KeyType, None] = OrderedDict()
        self._busy: set[KeyType] = set()
        self._failures: dict[KeyType, int] = {}
        self._due: dict[KeyType, float] = {}
        self._heap: list[tuple[float, int, KeyType]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._dirty)

    def add(self, key: KeyType) -> None:
        """Something about the key changed: work on it, also when a failure or a look later is pending."""
        self._due.pop(key, None)
        self._dirty.setdefault(key)

    def add_at(self, key: KeyType, at: float) -> None:
        """Work on the key at a time, or earlier when it is due earlier anyway."""
        if key in self._dirty or self._due.get(key, float("inf")) <= at:
            return
        self._due[key] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))

    def take(self, now: float) -> KeyType | None:
        """Return a key to work on, or None. A key that is being worked on waits, however often it is added."""
        self._wake(now)
        for key in self._dirty:
            if key not in self._busy:
                del self._dirty[key]
                self._busy.add(key)
                return key
        return None

    def done(self, key: KeyType) -> None:
        """The key was worked on and nothing is left to do for now."""
        self._busy.discard(key)
        self._failures.pop(key, None)

    def failed(self, key: KeyType, now: float, at_least: float = 0.0) -> float:
        """The key could not be worked on: try again later, each time a little more so. Returns the delay."""
        self._busy.discard(key)
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        doubled = FIRST_BACKOFF * 2.0 ** min(failures, 16)
        delay = max(at_least, min(LONGEST_BACKOFF, doubled) * self._jitter())
        self.add_at(key, now + delay)
        return delay

    def next_due(self) -> float | None:
        """Return when the next delayed key is due."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget everything that is not being worked on."""
        self._dirty.clear()
        self._due.clear()
        self._heap.clear()
        self._failures.clear()

    def _wake(self, now: float) -> None:
        while (due := self.next_due()) is not None and due <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key]
            self._dirty.setdefault(key)


class KeyedQueue(Generic[KeyType]):
    """Works on due keys with a bounded number of workers."""

    def __init__(self, work: Callable[[KeyType], Awaitable[None]], workers: int = 16) -> None:
        self._work = work
        self._workers = workers
        self._ledger: Ledger[KeyType] = Ledger()
        self._wake = asyncio.Event()
        self.done: Callable[[KeyType], None] = lambda key: None
        """Told of a key that was worked on."""
        self.failed: Callable[[KeyType, Exception, float], None] = lambda key, error, delay: None
        """Told of a failure and when the key is tried again."""
        self.retry_after: Callable[[Exception], float] = lambda error: 0.0
        """How long a failure asks us to wait at least."""

    def __len__(self) -> int:
        return len(self._ledger)

    def add(self, key: KeyType) -> None:
        """Work on the key soon."""
        self._ledger.add(key)
        self._wake.set()

    def add_after(self, key: KeyType, seconds: float) -> None:
        """Work on the key after a while, unless something makes it due earlier."""
        self._ledger.add_at(key, asyncio.get_running_loop().time() + seconds)
        self._wake.set()

    def clear(self) -> None:
        """Forget what waits."""
        self._ledger.clear()

    async def run(self) -> None:
        """Work forever."""
        slots = asyncio.Semaphore(self._workers)
        async with asyncio.TaskGroup() as group:
            while True:
                await slots.acquire()
                key = await self._next()
                group.create_task(self._work_on(key, slots))

    async def _next(self) -> KeyType:
        loop = asyncio.get_running_loop()
        while (key := self._ledger.take(loop.time())) is None:
            self._wake.clear()
            due = self._ledger.next_due()
            try:
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            except TimeoutError:
                continue
        return key

    async def _work_on(self, key: KeyType, slots: asyncio.Semaphore) -> None:
        try:
            await self._work(key)
        except Exception as error:
            # Whatever went wrong with one object must not keep the others waiting, nor be forgotten.
            now = asyncio.get_running_loop().time()
            delay = self._ledger.failed(key, now, self.retry_after(error))
            self.failed(key, error, delay)
        else:
            self._ledger.done(key)
            self.done(key)
        finally:
            slots.release()
            self._wake.set()
