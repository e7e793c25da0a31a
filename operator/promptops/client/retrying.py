"""When a call is tried again: every call here may be, since none changes more by being made twice. Full jitter, one time limit for all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from promptops.client.errors import CircuitOpenError, PromptOpsError, RateLimitError


@dataclass(frozen=True)
class RetryConfig:
    """How often, and after how long."""

    attempts: int = 3
    """Of one call, the first included; 1: never again."""
    base_seconds: float = 0.05
    """The longest pause before the second attempt; before each later one it is twice as long."""
    most_seconds: float = 2.0
    """No pause is longer, but for one that a server asks for."""


class Attempts:
    """The attempts of one call. All of them together keep to the call's time."""

    def __init__(
        self,
        config: RetryConfig,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._config = config
        self._monotonic = monotonic
        self._uniform = uniform
        self._deadline = monotonic() + seconds
        self.made = 0
        """How many have failed."""
        self.tried: set[int] = set()
        """The endpoints that were asked."""

    @property
    def left(self) -> float:
        """Seconds for the next one; never nothing, so that the last one may still find out."""
        return max(self._deadline - self._monotonic(), 0.001)

    @property
    def share(self) -> float:
        """Seconds for the next one where others may answer instead: as much of what is left as for each that may come after it."""
        return self.left / max(self._config.attempts - self.made, 1)

    def pause_after(self, error: PromptOpsError) -> float | None:
        """Return after how many seconds to try again; None when that is useless, or there is no time for it."""
        self.made += 1
        if not error.retryable or isinstance(error, CircuitOpenError) or self.made >= self._config.attempts:
            return None
        longest = min(self._config.base_seconds * 2 ** (self.made - 1), self._config.most_seconds)
        pause = self._uniform(0.0, longest)
        if isinstance(error, RateLimitError) and error.retry_after is not None:
            pause += error.retry_after
        return pause if self._monotonic() + pause < self._deadline else None
