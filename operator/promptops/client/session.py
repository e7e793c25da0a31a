"""What both clients have in common beside the calls: settings, where to ask, what was counted, when to try again. No network."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext

from promptops.api.http import RenderedMessage, RenderResponse
from promptops.client import fallback
from promptops.client.breaker import CircuitBreaker
from promptops.client.config import ClientConfig
from promptops.client.connections import OfThisProcess
from promptops.client.errors import PromptOpsError
from promptops.client.retrying import Attempts
from promptops.client.statistics import CallCounts, ClientStatistics


class Session:
    """A client's state for one configuration. Counts go on with the next one. Each process has counts and a breaker of its own."""

    def __init__(self, config: ClientConfig, counts: OfThisProcess[CallCounts] | None = None) -> None:
        """Raises ConfigurationError when the environment names no possible place."""
        self.config = config
        self.place = config.place()
        self.counts = counts or OfThisProcess(CallCounts)
        self._breaker = OfThisProcess(self._made)

    def succeeding(self, config: ClientConfig) -> Session:
        """Return the session with other settings. Raises ConfigurationError."""
        return Session(config, self.counts)

    def attempts(self) -> Attempts:
        """Begin a call."""
        return Attempts(self.config.retry, self.config.timeout_seconds)

    def guarded(self) -> AbstractContextManager[None]:
        """Let one attempt through, and see how it ends. Raises CircuitOpenError."""
        breaker = self._breaker.get()
        return breaker.call() if breaker is not None else nullcontext()

    def pause_after(self, error: PromptOpsError, attempts: Attempts) -> float:
        """Return after how many seconds to try again. Raises the error when that is useless."""
        pause = attempts.pause_after(error)
        if pause is None:
            raise error
        self.counts.get().retries += 1
        return pause

    def rendered(self, answer: RenderResponse, started: float, *, local: bool = False) -> RenderResponse:
        """Count a render that was answered, and return the answer."""
        self.counts.get().rendered(time.perf_counter() - started, local=local)
        return answer

    def failed(
        self, prompt_id: str, error: PromptOpsError, words: tuple[RenderedMessage, ...] | None
    ) -> RenderResponse:
        """Count a render that was not answered, and return the application's own words. Raises the error without any."""
        counts = self.counts.get()
        counts.failed(error.error_code)
        if words is None or not fallback.covers(error):
            raise error
        counts.fallbacks += 1
        return fallback.answered(prompt_id, words, error)

    def statistics(self) -> ClientStatistics:
        """Return what was counted in this process."""
        breaker = self._breaker.get()
        return self.counts.get().summary(breaker.state if breaker is not None else None)

    def _made(self) -> CircuitBreaker | None:
        wanted = self.config.breaker if self.place.socket is None else None
        return CircuitBreaker(wanted) if wanted is not None else None
