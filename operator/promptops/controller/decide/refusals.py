"""Creations that the API server refused, and when each is tried again: nobody tells us of a quota that was raised."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from promptops.controller.keys import Key
from promptops.domain.snapshot import Refusal

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 120.0


@dataclass(frozen=True)
class _Noted:
    refusal: Refusal
    wait: float
    until: float


class Refusals:
    """What was refused of each Prompt last."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._noted: dict[Key, _Noted] = {}

    def note(self, key: Key, refusal: Refusal) -> None:
        """Remember a refusal; the same one again is tried after twice the time."""
        before = self._noted.get(key)
        again = before is not None and before.refusal.spec == refusal.spec
        wait = min(LONGEST_SECONDS, before.wait * 2) if before is not None and again else FIRST_SECONDS
        self._noted[key] = _Noted(refusal, wait, self._monotonic() + wait)

    def of(self, key: Key) -> Refusal | None:
        """Return what is not to be tried again yet."""
        noted = self._noted.get(key)
        return noted.refusal if noted is not None and self.seconds_left(key) else None

    def seconds_left(self, key: Key) -> float:
        """Return in how many seconds it is to be tried again; 0 when nothing is waited for."""
        noted = self._noted.get(key)
        return max(0.0, noted.until - self._monotonic()) if noted is not None else 0.0

    def forget(self, key: Key) -> None:
        """Nothing of this Prompt is refused any more."""
        self._noted.pop(key, None)
