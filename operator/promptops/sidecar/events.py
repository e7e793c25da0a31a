"""GET /v1/events: what changed and what was rendered, as server-sent events, to whoever listens; a slow listener misses some."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from promptops.api import observed, reasons
from promptops.api.http import RenderResponse
from promptops.api.observed import EVENT_TYPES, RENDERS, Missed, PromptEvent
from promptops.cache.store import Event, Store, Swapped
from promptops.feed import frames
from promptops.feed.stream import send
from promptops.reader.answers import Attempt
from promptops.reader.changes import changes
from promptops.rendering.names import is_variable_name, shown
from promptops.web.answers import SAFE, Lasting, Outlet
from promptops.web.problems import HttpRefusal, problem, read_query

MAX_LISTENERS: Final = 64
MAX_QUEUED: Final = 1000
"""Events that wait for one listener; what comes beyond them it misses, and is told how many."""
ALIVE_SECONDS: Final = 5.0
"""So often a comment is sent when nothing happens, so that both sides notice when the other is gone."""
_ALIVE: Final = b": alive\n\n"
_MISSED: Final = "missed"
_HEADERS: Final = (("cache-control", "no-store"), *SAFE)
Written = Callable[[tuple[PromptEvent, ...], int], bytes]
"""What stands in a stream for some events, and for how many were missed; nothing: a sign of life is sent."""


def utc_now() -> str:
    """Return the time as events say it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EventListener:
    """What one stream has still to be sent."""

    def __init__(self, types: frozenset[str]) -> None:
        self.types = types
        self._events: deque[PromptEvent] = deque()
        self._missed = 0
        self._wake = asyncio.Event()

    def push(self, event: PromptEvent) -> None:
        """Queue an event, or count it as missed."""
        if len(self._events) >= MAX_QUEUED:
            self._missed += 1
        else:
            self._events.append(event)
            self._wake.set()

    def wake(self) -> None:
        """Have `next` return."""
        self._wake.set()

    async def next(self) -> tuple[tuple[PromptEvent, ...], int]:
        """Return everything that is queued and how many were missed; nothing of both after a while without any."""
        try:
            async with asyncio.timeout(ALIVE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return (), 0
        self._wake.clear()
        taken, missed = tuple(self._events), self._missed
        self._events.clear()
        self._missed = 0
        return taken, missed


class EventHub:
    """Tells every listener what happens. Belongs to the event loop of the store. Nobody listens: nothing is made."""

    def __init__(self, store: Store, now: Callable[[], str] = utc_now) -> None:
        self._view = store.current
        self._now = now
        self._listeners: set[EventListener] = set()
        self._is_closed = False
        self.wants_renders = False
        """Whether anybody wants to hear of renders."""
        store.listen(self._heard)

    def open(self, query: str | None) -> Lasting:
        """Return the stream of the types that the query names, of all types without one. Raises HttpRefusal."""
        types = _types(read_query(query, frozenset({"types"})).get("types"))
        return self.stream(types, _written, first=_ALIVE)

    def stream(self, types: frozenset[str], written: Written, *, first: bytes, last: bytes = b"") -> Lasting:
        """Return a stream that begins and ends with these bytes; in between, events are `written`. Raises HttpRefusal."""
        if len(self._listeners) >= MAX_LISTENERS or self._is_closed:
            detail = f"there are {len(self._listeners)} streams of events already; retry"
            raise HttpRefusal(problem(503, reasons.TOO_MANY_REQUESTS, detail, retryable=True), {"retry-after": "5"})

        async def write(outlet: Outlet) -> None:
            listener = EventListener(types)
            self._listeners.add(listener)
            self._count()
            try:
                await send(outlet, first)
                while not self._is_closed:
                    await send(outlet, written(*await listener.next()) or _ALIVE)
                await send(outlet, last)
            finally:
                self._listeners.discard(listener)
                self._count()

        return Lasting(frames.CONTENT_TYPE, write, _HEADERS)

    def rendered(self, prompt_id: str, attempt: Attempt, correlation_id: str) -> None:
        """Tell of a render: that it was asked for, and how it ended, under one correlation id."""
        outcome, view = attempt.outcome, self._view
        given = attempt.request.variables if attempt.request is not None else {}
        asked = PromptEvent(
            type=observed.REQUESTED,
            at=self._now(),
            tenant=view.header.tenant if view is not None else "",
            prompt_id=prompt_id,
            correlation_id=correlation_id or secrets.token_hex(8),
            variables=tuple(name for name in given if is_variable_name(name)),
        )
        self.tell(asked)
        self.tell(_completed(asked, outcome) if isinstance(outcome, RenderResponse) else _failed(asked, outcome.reason))

    def tell(self, event: PromptEvent) -> None:
        """Tell whoever wants to hear of it."""
        for listener in self._listeners:
            if event.type in listener.types:
                listener.push(event)

    def close(self) -> None:
        """End every stream, and open no more."""
        self._is_closed = True
        for listener in self._listeners:
            listener.wake()

    def _count(self) -> None:
        self.wants_renders = any(listener.types & _OF_RENDERS for listener in self._listeners)

    def _heard(self, event: Event) -> None:
        if not isinstance(event, Swapped):
            return
        before, self._view = self._view, event.view
        if self._listeners:
            for change in changes(before, event.view, event.step, self._now()):
                self.tell(change)


def _written(events: tuple[PromptEvent, ...], missed: int) -> bytes:
    told = b"".join(frames.write(event.type, event) for event in events)
    return told + frames.write(_MISSED, Missed(missed)) if missed else told


_OF_RENDERS: Final = frozenset(RENDERS)


def _types(named: str | None) -> frozenset[str]:
    if named is None:
        return frozenset(EVENT_TYPES)
    types = frozenset(named.split(","))
    if unknown := types.difference(EVENT_TYPES):
        detail = f"there are no events of the type {shown(min(unknown))}; known are {', '.join(EVENT_TYPES)}"
        raise HttpRefusal(problem(400, reasons.INVALID_REQUEST, detail))
    return types


def _completed(asked: PromptEvent, answer: RenderResponse) -> PromptEvent:
    return PromptEvent(
        type=observed.COMPLETED,
        at=asked.at,
        tenant=asked.tenant,
        prompt_id=asked.prompt_id,
        version=answer.version or None,
        digest=answer.digest or None,
        correlation_id=asked.correlation_id,
        variables=asked.variables,
        duration_ms=answer.processing_time_ms,
        code=reasons.FALLBACK if answer.source == "fallback" else None,
    )


def _failed(asked: PromptEvent, code: str) -> PromptEvent:
    return PromptEvent(
        type=observed.FAILED,
        at=asked.at,
        tenant=asked.tenant,
        prompt_id=asked.prompt_id,
        correlation_id=asked.correlation_id,
        variables=asked.variables,
        code=code,
    )
