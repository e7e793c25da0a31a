"""So much and no more, by key: buckets that fill again with time, and a bound on how many there are."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MOST_KEYS: Final = 10_000


class Allowance:
    """`burst` at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = burst, 0.0

    def left(self, now: float) -> float:
        """Return how much may still be taken."""
        self._left = min(self._burst, self._left + max(now - self._at, 0.0) * self._rate)
        self._at = now
        return self._left

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take so much, if it is there."""
        if self.left(now) < amount:
            return False
        self._left -= amount
        return True

    def give_back(self, amount: float = 1.0) -> None:
        """Return what was taken and not used."""
        self._left = min(self._burst, self._left + amount)


class Allowances:
    """A bucket for each key. The one that nobody has used for longest is forgotten when there are too many."""

    def __init__(self, burst: float, rate: float, most_keys: int = _MOST_KEYS) -> None:
        self._burst, self._rate, self._most = burst, rate, most_keys
        self._buckets: OrderedDict[object, Allowance] = OrderedDict()

    def of(self, key: object) -> Allowance:
        """Return the bucket of the key."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Allowance(self._burst, self._rate)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket
