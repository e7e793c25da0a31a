"""One store's changes as frames for everyone who follows it: encoded once, never queued without bound."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from msgspec.structs import replace

from promptops.api.feed import Goodbye, Heartbeat, Hello, Position, Revoked
from promptops.cache.clock import Clock
from promptops.cache.messages import index_message, patch_message
from promptops.cache.store import Confirmed, Dropped, Ended, Event, Store, Swapped
from promptops.cache.view import View
from promptops.feed import frames

MAX_QUEUED_FRAMES = 64
MAX_QUEUED_BYTES = 1024 * 1024


class Subscriber:
    """What one stream has still to be sent. One that lags too far gets the whole index instead of every step."""

    def __init__(self, wake: asyncio.Event | None = None) -> None:
        """`wake`: set when there is something to take; of several subscribers the same."""
        self.behind = False
        self.last: bytes | None = None
        """The frame after which the stream ends."""
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._wake = wake or asyncio.Event()
        self._shared = wake is not None

    def push(self, frame: bytes) -> None:
        """Queue a frame."""
        if self.behind or self.last is not None:
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        if len(self._frames) > MAX_QUEUED_FRAMES or self._bytes > MAX_QUEUED_BYTES:
            self.behind = True
            self._clear()
        self._wake.set()

    def end(self, frame: bytes) -> None:
        """Send what is queued, then this, then nothing more."""
        if self.last is None:
            self.last = frame
            self._wake.set()

    async def wait(self) -> None:
        """Return when there is something to take."""
        await self._wake.wait()

    def take(self) -> bytes:
        """Return everything that is queued."""
        if not self._shared:
            self._wake.clear()
        taken = b"".join(self._frames)
        self._clear()
        return taken

    def _clear(self) -> None:
        self._frames.clear()
        self._bytes = 0


class Channel:
    """Follows a store as long as anybody follows the channel."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self.store = store
        self._clock = clock or Clock()
        self.subscribers: set[Subscriber] = set()
        self._index: tuple[View, bytes] | None = None
        self._unlisten = store.listen(self._heard)

    def subscribe(self, wake: asyncio.Event | None = None) -> Subscriber:
        """Return a queue of everything that happens from now on."""
        subscriber = Subscriber(wake)
        self.subscribers.add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget the subscriber."""
        self.subscribers.discard(subscriber)

    def close(self) -> None:
        """Follow the store no more."""
        self._unlisten()

    def goodbye(self, reason: str) -> None:
        """End every stream; the followers reconnect."""
        self._end(frames.write(frames.GOODBYE, Goodbye(reason)))

    def hello(self, hello: Hello) -> bytes:
        """Return the greeting as a frame, saying how old the index is that comes next."""
        now, confirmed_at = self._clock.now(), self.store.confirmed_at
        age_ms = None if confirmed_at is None else milliseconds(now - confirmed_at)
        return frames.write(frames.HELLO, replace(hello, at_ms=milliseconds(now), age_ms=age_ms))

    def index(self, view: View) -> bytes:
        """Return the view as a frame, made once for everyone who connects while it is current.

        Another view may be of the same position: what came from a snapshot is live once the origin says the same.
        """
        if self._index is None or self._index[0] is not view:
            self._index = (view, frames.write(frames.INDEX, index_message(view)))
        return self._index[1]

    def confirmation(self) -> bytes:
        """Return when the origin last confirmed the view, as a frame; nothing while that is not known."""
        view, at = self.store.current, self.store.confirmed_at
        return b"" if view is None or at is None else frames.write(frames.HEARTBEAT, self._heartbeat(view.position, at))

    def header(self, view: View) -> bytes:
        """Return the view's signed header alone, for a follower that holds the entries."""
        return frames.write(frames.INDEX, index_message(view, with_entries=False))

    def _heard(self, event: Event) -> None:
        match event:
            case Swapped(view, None):
                self.push(self.index(view))
            case Swapped(view, step) if step is not None:
                self.push(frames.write(frames.PATCH, patch_message(view, step)))
            case Confirmed(position, at):
                self.push(frames.write(frames.HEARTBEAT, self._heartbeat(position, at)))
            case Dropped(revocation):
                self._end(frames.write(frames.REVOKED, Revoked(revocation)))
            case Ended(reason):
                self.goodbye(reason)

    def _heartbeat(self, position: Position, at: float) -> Heartbeat:
        now, view = self._clock.now(), self.store.current
        scope = view.header.scope if view is not None else ""
        return Heartbeat(scope, position, milliseconds(now), milliseconds(now - at))

    def push(self, frame: bytes) -> None:
        """Send a frame to everyone."""
        for subscriber in tuple(self.subscribers):
            subscriber.push(frame)

    def _end(self, frame: bytes) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber.end(frame)


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, never fewer."""
    # Never rounded to something younger than it is.
    return max(0, math.ceil(seconds * 1000))
