"""What was used lately, by key: at most so much of it, and nothing for longer than it is of use. Pure but for the clock that it is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

MAX_SIZE: Final = 1000
TTL_SECONDS: Final = 300.0


class Lately(Generic[Value]):
    """Values by key, the one that was used longest ago first. For one thread at a time; every call costs the same, however many there are."""

    def __init__(self, now: Callable[[], float], max_size: int = MAX_SIZE, ttl: float = TTL_SECONDS) -> None:
        """`ttl`: seconds after its last use for which a value is kept; `now` is in seconds."""
        self.max_size = max_size
        self.ttl = ttl
        self.evictions = 0
        """Values that had to make room."""
        self.expirations = 0
        """Values that nobody used for so long."""
        self._now = now
        self._values: OrderedDict[str, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> Value | None:
        """Return a value and use it; None when it is not here (any more)."""
        self.expire()
        found = self._values.get(key)
        if found is None:
            return None
        self.put(key, found[1])
        return found[1]

    def put(self, key: str, value: Value) -> None:
        """Keep a value, as used just now."""
        self._values[key] = (self._now(), value)
        self._values.move_to_end(key)
        if len(self._values) > self.max_size:
            self._values.popitem(last=False)
            self.evictions += 1

    def expire(self) -> None:
        """Drop what nobody has used for too long."""
        since = self._now() - self.ttl
        while self._values and next(iter(self._values.values()))[0] <= since:
            self._values.popitem(last=False)
            self.expirations += 1

    def keep(self, wanted: Container[str]) -> None:
        """Drop every other key; nobody counts that, for nobody could use them again."""
        for key in [key for key in self._values if key not in wanted]:
            del self._values[key]
