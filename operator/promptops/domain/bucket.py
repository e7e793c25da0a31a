"""A token bucket: how many of something may happen a second, with a little saved up. Pure: time is an argument."""

from __future__ import annotations


class Bucket:
    """Starts full."""

    def __init__(self, per_second: float, saved: float) -> None:
        self._per_second = per_second
        self._saved = saved
        self._tokens = saved
        self._at = 0.0

    def take(self, now: float) -> float:
        """Take a token and return 0.0, or return in how many seconds there will be one."""
        self._tokens = min(self._saved, self._tokens + max(0.0, now - self._at) * self._per_second)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._per_second

    def give_back(self) -> None:
        """A token that was taken was not needed."""
        self._tokens = min(self._saved, self._tokens + 1.0)
