"""How many renders a second a tenant allows one pod, through whichever face they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock

from promptops.domain.bucket import Bucket
from promptops.rendering.errors import TooManyRenders


class RenderAllowance:
    """Saves up a second's worth. May be used in any thread."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = Lock()
        self._allowed = 0
        self._bucket = Bucket(1.0, 1.0)

    def spend(self, allowed: int) -> None:
        """Count a render where so many are allowed a second; 0: any number. Raises TooManyRenders."""
        if not allowed:
            return
        with self._lock:
            if allowed != self._allowed:
                self._allowed, self._bucket = allowed, Bucket(allowed, allowed)
            seconds = self._bucket.take(self._now())
        if seconds > 0:
            raise TooManyRenders(allowed, math.ceil(seconds))
