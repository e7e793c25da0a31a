"""How many questions about tokens are open at a time, and how many may be answered with no: what made-up tokens cost the API server."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from promptops.cluster.tokens import TokenRefused
from promptops.feed.authentication import TooMany
from promptops.web.budgets import Allowance

REFUSALS_OF_ONE: Final = (10, 0.5)
REFUSALS_OF_ALL: Final = (100, 10.0)
"""How many refused tokens are asked about, at once and then a second: of those that claim one subject, and of all.
Whoever was accepted lately does not wait for strangers."""
OPEN_OF_ONE: Final = 10
OPEN_OF_ALL: Final = 32
"""How many are asked about at the same time. The next one waits for an answer: a good token gives back what it took."""
RETRY_SECONDS: Final = 2
_MAX_SUBJECTS: Final = 10_000


class _Gate:
    def __init__(self, refusals: tuple[float, float], at_once: int) -> None:
        self.allowance = Allowance(*refusals)
        self.open = asyncio.Semaphore(at_once)


class Questions:
    """Lets so many through."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._gates: OrderedDict[str, _Gate] = OrderedDict()
        self._strangers = _Gate(REFUSALS_OF_ALL, OPEN_OF_ALL)
        self._accepted: OrderedDict[str, None] = OrderedDict()
        """Subjects that showed a good token, the one that did so last at the end."""

    @asynccontextmanager
    async def one(self, subject: str) -> AsyncIterator[None]:
        """Ask about a token that claims `subject`. A TokenRefused out of the block counts.

        Raises TooMany while too many of its kind were refused.
        """
        gates = [self._gate_of(subject)] if subject in self._accepted else [self._gate_of(subject), self._strangers]
        async with AsyncExitStack() as waiting:
            for gate in gates:
                await waiting.enter_async_context(gate.open)
            now = self._monotonic()
            if not all(gate.allowance.left(now) >= 1 for gate in gates):
                raise TooMany("too many tokens were refused lately; retry", RETRY_SECONDS)
            # Taken before the answer: whoever asks meanwhile must not find it there still.
            for gate in gates:
                gate.allowance.take(now)
            try:
                yield
            except TokenRefused:
                if self._strangers not in gates:
                    self._strangers.allowance.take(now)
                raise
            except BaseException:
                self._give_back(gates)
                raise
            self._give_back(gates)
            self._accept(subject)

    def _give_back(self, gates: list[_Gate]) -> None:
        for gate in gates:
            gate.allowance.give_back()

    def _gate_of(self, subject: str) -> _Gate:
        gate = self._gates.get(subject)
        if gate is None:
            gate = self._gates[subject] = _Gate(REFUSALS_OF_ONE, OPEN_OF_ONE)
            if len(self._gates) > _MAX_SUBJECTS:
                self._gates.popitem(last=False)
        self._gates.move_to_end(subject)
        return gate

    def _accept(self, subject: str) -> None:
        self._accepted[subject] = None
        self._accepted.move_to_end(subject)
        if len(self._accepted) > _MAX_SUBJECTS:
            self._accepted.popitem(last=False)
