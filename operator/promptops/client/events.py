"""What becomes of a client's renders, told to whoever subscribed: each in a thread of its own, so that one who is slow or fails disturbs nobody."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, Final

from promptops.api.http import RenderResponse
from promptops.api.observed import COMPLETED, FAILED, RENDERS, REQUESTED, PromptEvent
from promptops.client.background import Background
from promptops.client.connections import OfThisProcess
from promptops.client.errors import ConfigurationError, PromptOpsError
from promptops.rendering.names import is_variable_name

MAX_QUEUED: Final = 1000
"""Events that wait for one handler; what comes beyond them it misses."""
Handler = Callable[[PromptEvent], Any]
"""Is told; may be a coroutine function. What it returns means nothing, what it raises is counted."""


class Subscriptions:
    """Who is told of what. Safe for threads; a forked child tells the same handlers by itself."""

    def __init__(self) -> None:
        self._all: tuple[_Subscription, ...] = ()
        self._lock = threading.Lock()

    @property
    def are_any(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self._all)

    @property
    def missed(self) -> int:
        """Events of this process that a handler was too slow for."""
        return sum(each.outlet.get().missed for each in self._all)

    @property
    def failed(self) -> int:
        """Events of this process that a handler failed at."""
        return sum(each.outlet.get().failed for each in self._all)

    def subscribe(self, event_type: str, handler: Handler) -> Callable[[], None]:
        """Tell a handler of events of a type; return what ends that. Raises ConfigurationError."""
        if event_type not in RENDERS:
            raise ConfigurationError(f"there are no events of the type {event_type!a}; there are {', '.join(RENDERS)}")
        if not callable(handler):
            raise ConfigurationError(f"a handler must be callable, not {type(handler).__name__}")
        made = _Subscription(event_type, OfThisProcess(lambda: _Outlet(handler)))
        with self._lock:
            self._all = (*self._all, made)
        return lambda: self._end(made)

    def close(self) -> None:
        """Tell nobody anything any more; what was queued is told still."""
        for each in self._all:
            self._end(each)

    def asked(self, prompt_id: Any, variables: Any, tenant: str) -> PromptEvent:
        """Tell that a render was asked for, and return that event."""
        given = variables if isinstance(variables, Mapping) else {}
        names = tuple(name for name in given if isinstance(name, str) and is_variable_name(name))
        event = PromptEvent(
            REQUESTED, _now(), tenant, str(prompt_id), correlation_id=os.urandom(8).hex(), variables=names
        )
        self._tell(event)
        return event

    def answered(self, asked: PromptEvent, answer: RenderResponse, seconds: float) -> None:
        """Tell that the render was answered."""
        self._tell(
            PromptEvent(
                COMPLETED,
                _now(),
                asked.tenant,
                asked.prompt_id,
                answer.version,
                answer.digest,
                correlation_id=asked.correlation_id,
                variables=asked.variables,
                duration_ms=round(seconds * 1000, 4),
            )
        )

    def refused(self, asked: PromptEvent, error: PromptOpsError) -> None:
        """Tell that the render was not."""
        self._tell(
            PromptEvent(
                FAILED,
                _now(),
                asked.tenant,
                asked.prompt_id,
                correlation_id=asked.correlation_id,
                variables=asked.variables,
                code=error.error_code,
            )
        )

    def _tell(self, event: PromptEvent) -> None:
        for each in self._all:
            if each.event_type == event.type:
                each.outlet.get().push(event)

    def _end(self, subscription: _Subscription) -> None:
        with self._lock:
            self._all = tuple(each for each in self._all if each is not subscription)
        subscription.outlet.get().close()


@dataclass(frozen=True, eq=False)
class _Subscription:
    event_type: str
    outlet: OfThisProcess[_Outlet]


class _Outlet:
    """One handler's events, and the thread that tells them, which begins with the first."""

    def __init__(self, handler: Handler) -> None:
        self.missed = 0
        self.failed = 0
        self._handler = handler
        # Its `put` is one instruction: what a signal raises leaves no lock of it behind.
        self._queue: SimpleQueue[PromptEvent | None] = SimpleQueue()
        self._background = Background(self._run, "promptops-events")
        self._closed = False

    def push(self, event: PromptEvent) -> None:
        if self._queue.qsize() >= MAX_QUEUED:
            self.missed += 1
            return
        self._queue.put(event)
        self._background.ensure()

    def close(self) -> None:
        """Have the thread end once everything is told; one that hangs is left until it hangs no more."""
        self._closed = True
        self._queue.put(None)

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                told = self._handler(event)
                if inspect.isawaitable(told):
                    asyncio.run(_awaited(told))
            except Exception:
                self.failed += 1
            if self._closed and self._queue.empty():
                return


async def _awaited(told: Any) -> None:
    await told


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
