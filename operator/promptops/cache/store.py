"""The one place where a scope's current view stands: replaced as a whole, waited for, and never older than it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from promptops.api.feed import STALE_SECONDS, Position, Removal, Signed
from promptops.cache.index import EncodedEntry
from promptops.cache.view import View


@dataclass(frozen=True)
class Step:
    """What changed from the position `base` to the view's own, for those who hold `base`."""

    base: Position
    upserts: tuple[EncodedEntry, ...]
    removes: tuple[Removal, ...]
    new_blobs: tuple[str, ...]
    """Digests that nobody at `base` can hold."""


@dataclass(frozen=True)
class Swapped:
    """Another view is current. Without a step there is no way to it but the whole index."""

    view: View
    step: Step | None


@dataclass(frozen=True)
class Confirmed:
    """The origin confirmed that this position is current."""

    position: Position
    at: float
    """CLOCK_BOOTTIME of the confirmation, which may be a while ago."""


@dataclass(frozen=True)
class Dropped:
    """The namespace is gone, and the origin signed it."""

    revocation: Signed


@dataclass(frozen=True)
class Ended:
    """Nothing more comes from here."""

    reason: str


Event = Swapped | Confirmed | Dropped | Ended
Listener = Callable[[Event], None]


class Store:
    """Holds what is current. Belongs to one event loop; reading `current` is safe from anywhere."""

    def __init__(self) -> None:
        self.current: View | None = None
        self.confirmed_at: float | None = None
        """CLOCK_BOOTTIME at which the origin last confirmed `current`; below 0 when that was before this boot."""
        self.ended: str | None = None
        """Why nothing more comes from here; None while it does."""
        self._listeners: dict[object, Listener] = {}
        self._waiters: set[asyncio.Future[None]] = set()

    def swap(self, view: View, step: Step | None = None) -> None:
        """Make `view` the current one. That confirms nothing: only what the origin says does."""
        if self.current is not None and self.current.header.scope != view.header.scope:
            self.confirmed_at = None
        self.current = view
        self._tell(Swapped(view, step))

    def confirm(self, at: float) -> None:
        """Note that the origin confirmed the current view at `at`. What was confirmed later stays so: it grows no older."""
        self.confirmed_at = at if self.confirmed_at is None else max(at, self.confirmed_at)
        if self.current is not None:
            self._tell(Confirmed(self.current.position, at))

    def drop(self, revocation: Signed) -> None:
        """Hold nothing any more: the namespace is gone."""
        self.current = None
        self.confirmed_at = None
        self._tell(Dropped(revocation))

    def end(self, reason: str) -> None:
        """Tell the listeners that nothing more comes; what is held stays."""
        self.ended = reason
        self._tell(Ended(reason))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every event, in order, before the change is waited for; returns what ends it."""
        token = object()
        self._listeners[token] = listener

        def unlisten() -> None:
            self._listeners.pop(token, None)

        return unlisten

    async def changed(self, after: Position | None) -> View:
        """Return the current view as soon as it stands at another position than `after`."""
        while self.current is None or self.current.position == after:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return self.current

    def age_seconds(self, now: float) -> float:
        """Seconds since the origin confirmed what is held; 0 for a directory, which is its own origin.

        A lower bound when the last confirmation was in an earlier boot: see cache/stamp.py.
        """
        if self.current is None or self._is_origin(self.current):
            return 0.0
        return max(0.0, now - (self.confirmed_at or 0.0))

    def stale(self, now: float) -> bool:
        """Whether the origin has been silent for too long. A directory is never stale."""
        if self.current is not None and self._is_origin(self.current):
            return False
        return self.confirmed_at is None or now - self.confirmed_at > STALE_SECONDS

    def _is_origin(self, view: View) -> bool:
        """Whether nobody above can confirm it. What follows a directory's sidecar is not its own origin."""
        return view.source == "directory" and view.signed is None

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners.values()):
            listener(event)
        for waiter in tuple(self._waiters):
            if not waiter.done():
                waiter.set_result(None)
