"""Whether the product holds an event loop while it is tested: the processor time of every single step of a loop.

What else runs on the machine cannot lengthen that, and what the collector of garbage takes of a large test run is left
out. Waiting is no work: a call that blocks is seen by the metric of a running process, not here.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import promptops.telemetry.loop

HELD_SECONDS: Final = promptops.telemetry.loop.HELD_SECONDS
"""From here on a step is told of."""
FAILING_SECONDS: Final = 0.5
"""From here on the test fails. What is done for the first time in a process, on a machine that is busy, may take a while."""
PRODUCT: Final = str(Path(promptops.telemetry.loop.__file__).parents[1])


@dataclass(frozen=True)
class Held:
    """A step that took long."""

    what: str
    seconds: float
    is_ours: bool
    """Whether a task or connection of the product made it, not one of the tests."""


class Watchdog:
    """Looks at every loop of this process."""

    def __init__(self, product: str = PRODUCT) -> None:
        self._product = product
        self._held: list[Held] = []
        self._collecting = threading.local()
        self._original: Callable[[asyncio.Handle], None] | None = None

    def start(self) -> None:
        """Look from now on."""
        original = self._original = asyncio.Handle._run

        def run(handle: asyncio.Handle) -> None:
            begun = self._worked()
            original(handle)
            seconds = self._worked() - begun
            if seconds >= HELD_SECONDS:
                self._held.append(self._told(handle, seconds))

        asyncio.Handle._run = run  # type: ignore[assignment]
        gc.callbacks.append(self._collected)

    def stop(self) -> None:
        """Look no more."""
        if self._original is not None:
            asyncio.Handle._run = self._original  # type: ignore[assignment]
            gc.callbacks.remove(self._collected)
            self._original = None

    def take(self) -> tuple[Held, ...]:
        """Return what was seen since the last time."""
        held, self._held = tuple(self._held), []
        return held

    def _worked(self) -> float:
        return time.thread_time() - float(getattr(self._collecting, "seconds", 0.0))

    def _collected(self, phase: str, _info: dict[str, int]) -> None:
        now = time.thread_time()
        if phase == "start":
            self._collecting.begun = now
        else:
            spent = now - getattr(self._collecting, "begun", now)
            self._collecting.seconds = getattr(self._collecting, "seconds", 0.0) + spent

    def _told(self, handle: asyncio.Handle, seconds: float) -> Held:
        callback: Any = handle._callback  # type: ignore[attr-defined]
        owner = getattr(callback, "__self__", None)
        coroutine = owner.get_coro() if isinstance(owner, asyncio.Task) else None
        protocol = getattr(owner, "_protocol", None)
        code = getattr(coroutine, "cr_code", None) or getattr(callback, "__code__", None)
        module = getattr(type(protocol), "__module__", "") if protocol is not None else ""
        what = getattr(coroutine, "__qualname__", None) or getattr(callback, "__qualname__", repr(type(callback)))
        is_ours = module.startswith("promptops.") or str(getattr(code, "co_filename", "")).startswith(self._product)
        return Held(f"{module}.{what}".lstrip("."), seconds, is_ours)
