"""A thread that a caller begins: begun once however often it is asked for, and wherever what a signal raises cuts the asking off.

Signal handlers run in the main thread between any two instructions, and what they raise leaves a call half done. Python's own
`Thread.start` and `is_alive` do not come through that: the one may forget a thread that runs, or raise KeyError in both, the other
declares one to be over that is not (https://github.com/python/cpython/issues/89437). So they are called only in threads, where no signal raises.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable
from typing import Final

BEGIN_SECONDS: Final = 1.0
"""So long it is waited for at most that a thread has begun. One that begins later is as good."""
_LOOK_SECONDS: Final = 0.0002


class Background:
    """Runs a function in a daemon thread, never twice at a time. After a fork a child has no such thread, and must make its own."""

    def __init__(self, run: Callable[[], None], name: str) -> None:
        self._run = run
        self._name = name
        self._beginning = threading.Lock()
        self._running = threading.Lock()
        """Held by the thread that runs."""
        self._answered = 0
        """How often a beginning has come to something: a thread that runs, or that there can be none."""
        self._identity: int | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._running.locked()

    def ensure(self) -> None:
        """Begin unless it runs already. At the very end of an interpreter there are no new threads: then nothing happens."""
        if self._running.locked():
            return
        with self._beginning:
            if self._running.locked():
                return
            before, late = self._answered, time.monotonic() + BEGIN_SECONDS
            try:
                _thread.start_new_thread(self._begin, ())
            except RuntimeError:
                return
            while self._answered == before and time.monotonic() < late:
                time.sleep(_LOOK_SECONDS)

    def join(self, seconds: float) -> None:
        """Wait for its end. Asked by itself, it does not."""
        if self._identity != threading.get_ident() and self._running.acquire(timeout=seconds):
            self._running.release()

    def _begin(self) -> None:
        try:
            threading.Thread(target=self._hold, name=self._name, daemon=True).start()
        except RuntimeError:
            self._answered += 1

    def _hold(self) -> None:
        # Who was cut off after a thread had begun begins another, which finds this one.
        if not self._running.acquire(blocking=False):
            self._answered += 1
            return
        try:
            self._identity = threading.get_ident()
            self._answered += 1
            self._run()
        finally:
            self._identity = None
            self._running.release()
