"""A circuit breaker: closed until too many calls in a row fail, open for a while, then one probe after the other until enough succeed.

```
           failure_threshold failures in a row          recovery_timeout seconds
  CLOSED ───────────────────────────────────► OPEN ───────────────────────────────► HALF_OPEN
     ▲                                          ▲                                       │  │
     └──── success_threshold probes succeed ────┼───────────────────────────────────────┘  │
                                                └──────────────── a probe fails ───────────┘
```
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from promptops.client.errors import CircuitOpenError, NetworkError, PromptOpsError, ServerError, TimeoutError


class CircuitState(StrEnum):
    """How a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class CircuitBreakerConfig:
    """When calls are not tried any more. It never opens for a Unix socket: a sidecar next door is there or is not."""

    failure_threshold: int = 5
    """So many failures in a row open it."""
    recovery_timeout: float = 60.0
    """Seconds after which a probe is let through."""
    success_threshold: int = 3
    """So many probes have to succeed, one after the other, to close it."""
    expected_exception: tuple[type[PromptOpsError], ...] = (NetworkError, TimeoutError, ServerError)
    """What counts as a failure, as far as the same call may succeed later. Everything else is an answer of a sidecar that is well."""


@dataclass(frozen=True)
class Permit:
    """One call that was let through. What it ends with counts only in the period in which it began."""

    period: int


class CircuitBreaker:
    """Counts how calls end. Safe for threads; `monotonic` is in seconds."""

    def __init__(self, config: CircuitBreakerConfig, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._state = CircuitState.CLOSED
        self._period = 0
        """Changes with the state, and with each probe."""
        self._count = 0
        """Failures in a row while closed, successes while half open."""
        self._since = 0.0
        """When it opened, or when the probe that is under way began."""
        self._is_probing = False

    @property
    def state(self) -> CircuitState:
        """How it stands now; open until somebody asks for a probe."""
        return self._state

    @contextmanager
    def call(self) -> Iterator[None]:
        """Let a call through and count how it ends. Raises CircuitOpenError instead when it is not let through."""
        permit = self.enter()
        try:
            yield
        except PromptOpsError as error:
            is_failure = error.retryable and isinstance(error, self._config.expected_exception)
            self.leave(permit, succeeded=not is_failure)
            raise
        except BaseException:
            # Cancelled, or a fault of ours: that says nothing about the sidecar.
            self.leave(permit, succeeded=None)
            raise
        self.leave(permit, succeeded=True)

    def enter(self) -> Permit:
        """Let a call through. Raises CircuitOpenError."""
        with self._lock:
            if self._state is not CircuitState.CLOSED:
                self._probe()
            return Permit(self._period)

    def leave(self, permit: Permit, *, succeeded: bool | None) -> None:
        """Count how a call ended; None: it was given up."""
        with self._lock:
            if permit.period != self._period:
                return
            if self._state is CircuitState.CLOSED:
                self._ended(succeeded)
            elif self._state is CircuitState.HALF_OPEN:
                self._probed(succeeded)

    def _probe(self) -> None:
        """Begin a probe, or refuse. One that nothing was heard of for as long as the breaker stays open is given up."""
        waited = self._monotonic() - self._since
        is_waiting = self._state is CircuitState.OPEN or self._is_probing
        if is_waiting and waited < self._config.recovery_timeout:
            raise CircuitOpenError(self._config.recovery_timeout - waited)
        self._to(CircuitState.HALF_OPEN, self._count if self._state is CircuitState.HALF_OPEN else 0)
        self._is_probing = True

    def _ended(self, succeeded: bool | None) -> None:
        if succeeded:
            self._count = 0
        elif succeeded is False:
            self._count += 1
            if self._count >= self._config.failure_threshold:
                self._to(CircuitState.OPEN)

    def _probed(self, succeeded: bool | None) -> None:
        self._is_probing = False
        if succeeded is False:
            self._to(CircuitState.OPEN)
        elif succeeded:
            self._count += 1
            if self._count >= self._config.success_threshold:
                self._to(CircuitState.CLOSED)

    def _to(self, state: CircuitState, count: int = 0) -> None:
        self._state, self._count, self._since = state, count, self._monotonic()
        self._period += 1
        self._is_probing = False
