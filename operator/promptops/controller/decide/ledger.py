"""Which keys are due and in which order. Pure: time is an argument.

Two orders, one within the other: what git or a person changed comes before what follows from it, and that before the mere
counting of instances; and within each lane namespaces take turns, so that two thousand keys of one cost another's a single turn.
"""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Generic, TypeVar

KeyType = TypeVar("KeyType", bound=Hashable)

FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 30.0


class Lane(IntEnum):
    """How urgent a key is; the lower one goes first."""

    CHANGED = 0
    """Git or a person changed something: somebody waits for it."""
    FOLLOWING = 1
    """Follows from a decision: the status of its versions, that everybody serves it, a later look."""
    COUNTING = 2
    """Nothing but a number of instances moved."""


class Turns(Generic[KeyType]):
    """Keys of one lane, in order of arrival within a group; groups take turns."""

    def __init__(self) -> None:
        self._groups: OrderedDict[Hashable, OrderedDict[KeyType, None]] = OrderedDict()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def add(self, group: Hashable, key: KeyType) -> None:
        """Put a key at the end of its group."""
        keys = self._groups.setdefault(group, OrderedDict())
        self._waiting += key not in keys
        keys.setdefault(key)

    def remove(self, group: Hashable, key: KeyType) -> None:
        """Take a key out before its turn."""
        keys = self._groups.get(group)
        if keys is not None and key in keys:
            del keys[key]
            self._waiting -= 1
            if not keys:
                del self._groups[group]

    def take(self) -> tuple[Hashable, KeyType] | None:
        """Return the first key of the group whose turn it is; that group is last from now on."""
        if not self._groups:
            return None
        group, keys = self._groups.popitem(last=False)
        key, _ = keys.popitem(last=False)
        self._waiting -= 1
        if keys:
            self._groups[group] = keys
        return group, key


class Ledger(Generic[KeyType]):
    """The bookkeeping of a queue."""

    def __init__(
        self,
        group_of: Callable[[KeyType], Hashable],
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),  # noqa: S311
    ) -> None:
        self._group_of = group_of
        self._jitter = jitter
        self._lanes: dict[Lane, Turns[KeyType]] = {lane: Turns() for lane in Lane}
        self._lane_of: dict[KeyType, Lane] = {}
        """Lane of every key that waits, also of those that wait for their own worker to end."""
        self._busy: dict[KeyType, Lane] = {}
        self._again: set[KeyType] = set()
        """Keys that changed while they were worked on."""
        self._failures: dict[KeyType, int] = {}
        self._due: dict[KeyType, tuple[float, Lane]] = {}
        self._heap: list[tuple[float, int, KeyType]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._lane_of)

    def waiting(self, lane: Lane) -> int:
        """How many keys wait in a lane."""
        return len(self._lanes[lane])

    def busy(self, at_least: Lane) -> int:
        """How many keys of this lane and the less urgent ones are worked on."""
        return sum(lane >= at_least for lane in self._busy.values())

    def add(self, key: KeyType, lane: Lane = Lane.CHANGED) -> None:
        """Something about the key changed: work on it, also when a failure is waited out. The more urgent lane counts."""
        due = self._due.get(key)
        if due is not None and lane <= due[1]:
            del self._due[key]
        known = self._lane_of.get(key)
        if known is not None and known <= lane:
            return
        self._lane_of[key] = lane
        if key in self._busy:
            self._again.add(key)
            return
        group = self._group_of(key)
        if known is not None:
            self._lanes[known].remove(group, key)
        self._lanes[lane].add(group, key)

    def add_at(self, key: KeyType, at: float, lane: Lane = Lane.FOLLOWING) -> None:
        """Work on the key at a time, or earlier when it is due earlier anyway."""
        if key in self._lane_of or (key in self._due and self._due[key][0] <= at):
            return
        self._due[key] = (at, lane)
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))

    def take(self, now: float, up_to: Lane = Lane.COUNTING) -> tuple[KeyType, Lane] | None:
        """Return a key to work on, not less urgent than `up_to`, or None. A key that is being worked on waits."""
        self._wake(now)
        for lane in Lane:
            if lane > up_to:
                return None
            taken = self._lanes[lane].take()
            if taken is not None:
                key = taken[1]
                del self._lane_of[key]
                self._busy[key] = lane
                return key, lane
        return None

    def done(self, key: KeyType) -> None:
        """The key was worked on and nothing is left to do for now."""
        self._failures.pop(key, None)
        self._release(key)

    def failed(self, key: KeyType, now: float, at_least: float = 0.0) -> float:
        """The key could not be worked on: try again later, each time a little more so. Returns the delay."""
        lane = self._busy.get(key, Lane.CHANGED)
        self._release(key)
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        doubled = FIRST_BACKOFF * 2.0 ** min(failures, 16)
        delay = max(at_least, min(LONGEST_BACKOFF, doubled) * self._jitter())
        self.add_at(key, now + delay, lane)
        return delay

    def next_due(self) -> float | None:
        """Return when the next delayed key is due."""
        while self._heap and self._due.get(self._heap[0][2], (None,))[0] != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _release(self, key: KeyType) -> None:
        self._busy.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self._lanes[self._lane_of[key]].add(self._group_of(key), key)

    def _wake(self, now: float) -> None:
        while (due := self.next_due()) is not None and due <= now:
            key = heapq.heappop(self._heap)[2]
            self.add(key, self._due.pop(key)[1])
