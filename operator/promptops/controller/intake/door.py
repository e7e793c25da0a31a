"""The only way in: whatever brings an object – watch, list, sweep, answer to a write – hands it over here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from promptops.controller.decide.ledger import Lane
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import TENANCY, Key
from promptops.domain.manifests import Manifest

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
_BATCH = 200
"""Objects taken in before the event loop gets to do something else."""

Ingest = Callable[[str, "str | None", Manifest], None]


class Door:
    """Puts objects into the store and what depends on them into the queue. Belongs to one event loop."""

    def __init__(
        self, store: ObjectStore, enqueue: Callable[[Key, Lane], None], tenancy_changed: Callable[[], None]
    ) -> None:
        self._store = store
        self._enqueue = enqueue
        self._tenancy_changed = tenancy_changed

    def ingest(self, kind: str, type_: str | None, manifest: Manifest) -> None:
        """Take in one object."""
        keys = self._store.ingest(kind, type_, manifest)
        if TENANCY in keys:
            self._tenancy_changed()
        for key in keys:
            self._enqueue(key, Lane.FOLLOWING if key.kind == "PromptVersion" else Lane.CHANGED)


class HandOver:
    """Carries objects from another thread to the door, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ingest: Ingest) -> None:
        self._loop = loop
        self._ingest = ingest
        self._waiting: deque[tuple[str, str | None, Any]] = deque()

    def __call__(self, kind: str, type_: str | None, manifest: Manifest) -> None:
        """Hand one object over; callable from any thread."""
        self._waiting.append((kind, type_, manifest))
        # One wake-up per object, most of which find that an earlier one did the work: simple, and never late.
        self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        for _ in range(min(_BATCH, len(self._waiting))):
            kind, type_, manifest = self._waiting.popleft()
            try:
                self._ingest(kind, type_, manifest)
            except Exception as error:
                # One object that nobody foresaw must not keep the next ones out.
                log.error("object not taken in", kind=kind, uid=manifest["metadata"].get("uid"), exc_info=error)
