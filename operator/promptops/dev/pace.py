"""How long things take on this machine, learned from how long they took."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from promptops.dev.progress import Progress

_LEAST, _MOST = 0.05, 50.0
"""Bounds of what is believed: a clock that was set, a machine that slept."""


class Pace:
    """Remembers in the cache, for each kind of work, how this machine compares with two ordinary cores."""

    def __init__(self, cache: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = cache / "pace.json"
        self._clock = clock

    @contextmanager
    def step(self, progress: Progress, kind: str, what: str, seconds: int) -> Iterator[Callable[[str], None]]:
        """Announce a step of `seconds` on two cores as it will be here; learn from it unless it fails."""
        with self.measured(kind, seconds) as (expected, where), progress.step(what, expected, where) as show:
            yield show

    @contextmanager
    def measured(self, kind: str, seconds: int) -> Iterator[tuple[int, str]]:
        """Yield how many seconds the block will take, and where; learn from it unless it fails."""
        begun, known = self._clock(), self._known()
        factor = known.get(kind)
        yield (seconds, "on two cores") if factor is None else (max(1, round(seconds * factor)), "here")
        measured = min(_MOST, max(_LEAST, (self._clock() - begun) / seconds))
        self._remember(known | {kind: measured if factor is None else (factor + measured) / 2})

    def _known(self) -> dict[str, float]:
        with suppress(OSError, ValueError, AttributeError):
            return {
                str(kind): float(each)
                for kind, each in json.loads(self._file.read_text()).items()
                if isinstance(each, float | int) and _LEAST <= each <= _MOST
            }
        return {}

    def _remember(self, factors: dict[str, float]) -> None:
        # What it costs when it is lost is a worse estimate.
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps({kind: round(factor, 3) for kind, factor in factors.items()}))
