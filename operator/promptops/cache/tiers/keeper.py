"""One tier, kept at what is held: in a thread of its own, again until it is done, and nobody waits for it without a bound.

The thread is a daemon: what hangs in a disk keeps no process from ending.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, TypeVar

from promptops.api import reasons
from promptops.api.feed import Position, Signed
from promptops.cache.bounded import mirrored
from promptops.cache.store import Step
from promptops.cache.tiers.tier import Loaded, OnError, Tier
from promptops.cache.view import View

SLOW_SECONDS: Final = 2.0
"""So long a tier is waited for. One that hangs costs durability, not freshness."""
CLOSE_SECONDS: Final = 1.0
FIRST_RETRY_SECONDS: Final = 0.25
LAST_RETRY_SECONDS: Final = 15.0
Result = TypeVar("Result")


@dataclass
class _Work:
    """Something that is to be done, and who waits for its first attempt."""

    act: Callable[[], bool]
    tried: Future[bool] = field(default_factory=Future)


class Keeper:
    """Does for a tier what has to be done. Of what waits for one scope the latest counts; nothing piles up."""

    def __init__(self, tier: Tier, on_error: OnError) -> None:
        self.tier = tier
        self.loaded: Future[tuple[Loaded, ...]] = Future()
        self._on_error = on_error
        self._waiting: dict[tuple[str, str], _Work] = {}
        self._changed = threading.Condition()
        self._busy_since: float | None = None
        self._doing = ""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=tier.name, daemon=True)

    @property
    def problem(self) -> str | None:
        """Why the tier does not hold what it should (a constant of promptops.api.reasons); None when it does."""
        since = self._busy_since
        if since is not None and time.monotonic() - since > SLOW_SECONDS:
            return reasons.SNAPSHOT_SLOW
        return self.tier.problem

    def start(self) -> None:
        """Begin with loading what is there."""
        self._thread.start()

    def save(self, view: View, step: Step | None, confirmed_at: float) -> Future[bool]:
        """Keep a view. Returns whether the first attempt did; if not, there will be others."""
        work = _Work(lambda: self.tier.save(view, step, confirmed_at))
        self._put(("view", view.header.scope), work)
        return work.tried

    async def wait(self, tried: Future[bool]) -> bool:
        """Wait for an attempt, but not for ever, and not at all while an earlier one hangs. Return whether it did it."""
        if self.problem == reasons.SNAPSHOT_SLOW:
            return False
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                return await mirrored(tried)
        except TimeoutError:
            self._on_error(reasons.SNAPSHOT_SLOW, "it hangs; what is served is served from memory")
            return False

    def stamp(self, scope: str, position: Position, confirmed_at: float) -> None:
        """Note that the origin confirmed the position, when there is time."""
        self._put(("stamp", scope), _Work(lambda: self.tier.stamp(scope, position, confirmed_at)))

    def drop(self, scope: str, revocation: Signed) -> Future[bool]:
        """Forget everything of a scope but that its namespace is gone: again and again until it is so."""
        work = _Work(lambda: self.tier.drop(scope, revocation))
        self._put(("view", scope), work)
        return work.tried

    def keep_only(self, scope: str) -> None:
        """Forget every other scope."""
        self._put(("only", ""), _Work(lambda: self.tier.keep_only(scope)))

    def holds_everything(self) -> bool:
        """Whether nothing waits to be kept."""
        with self._changed:
            return "view" not in {kind for kind, _ in self._waiting} and self._doing != "view"

    def close(self) -> None:
        """Do what can be done at once, and let another process write. Returns within a second, hanging or not."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            self.tier.close()

    def _put(self, key: tuple[str, str], work: _Work) -> None:
        with self._changed:
            replaced = self._waiting.pop(key, None)
            self._waiting[key] = work
            self._changed.notify()
        if replaced is not None and not replaced.tried.done():
            replaced.tried.set_result(False)

    def _run(self) -> None:
        self._busy_since = time.monotonic()
        self.loaded.set_result(self._attempt(self.tier.load, ()))
        pause = FIRST_RETRY_SECONDS
        while (taken := self._take()) is not None:
            key, work = taken
            done = self._attempt(work.act, False)
            if not work.tried.done():
                work.tried.set_result(done)
            pause = FIRST_RETRY_SECONDS if done else self._later(key, work, pause)
        self._busy_since = None

    def _take(self) -> tuple[tuple[str, str], _Work] | None:
        """Return what is to be done next; None when it is over."""
        with self._changed:
            self._busy_since, self._doing = None, ""
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait()
            key = next(iter(self._waiting))
            self._busy_since, self._doing = time.monotonic(), key[0]
            return key, self._waiting.pop(key)

    def _later(self, key: tuple[str, str], work: _Work, pause: float) -> float:
        """Put back what failed, unless something newer has taken its place, and wait; return the next pause."""
        with self._changed:
            self._busy_since, self._doing = None, ""
            if self._closed:
                self._waiting.clear()
                return pause
            self._waiting.setdefault(key, work)
            news = len(self._waiting)
            self._changed.wait_for(
                lambda: self._closed or len(self._waiting) != news or self._waiting.get(key) is not work,
                pause * random.uniform(0.5, 1.0),  # noqa: S311 - spreads the attempts
            )
        return min(2 * pause, LAST_RETRY_SECONDS)

    def _attempt(self, act: Callable[[], Result], otherwise: Result) -> Result:
        try:
            return act()
        except Exception as error:
            # A tier must not raise; should one, it is retried like what it could not do.
            self._on_error(reasons.SNAPSHOT_FAILED, type(error).__name__)
            return otherwise
