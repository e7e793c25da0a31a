"""The one way in which tests wait: for a condition, with a deadline, and with words for the case that it never holds.

A deadline is generous, because only a test that fails waits that long and the machine may be loaded. Give `within`
where the promise under test is a time, and nowhere else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")
Words = str | Callable[[], object]
"""What to say when the deadline has passed; a function looks once more at what there is instead."""

SECONDS = 60.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1


def wait_until(
    condition: Callable[[], Result],
    otherwise: Words = "",
    *,
    within: float = SECONDS,
    meanwhile: Callable[[], object] = lambda: None,
) -> Result:
    """Return the condition's first true result; do `meanwhile` before each look. Raises AssertionError in the end."""
    begun = time.monotonic()
    meanwhile()
    while not (result := condition()):
        time.sleep(_pause(begun, within, otherwise or repr(condition)))
        meanwhile()
    return result


def eventually(read: Callable[[], object], expected: object, *, within: float = SECONDS) -> None:
    """Wait until what is read is what is expected. Raises AssertionError that says what was read last.

    For whatever is written beside what was waited for: of two objects, either may be written first.
    """
    wait_until(lambda: read() == expected, lambda: f"{expected!r}, but {read()!r}", within=within)


async def until(
    condition: Callable[[], Result],
    otherwise: Words = "",
    *,
    within: float = SECONDS,
    meanwhile: Callable[[], object] = lambda: None,
) -> Result:
    """Do the same while the loop goes on."""

    async def told() -> Result:
        meanwhile()
        return condition()

    return await until_told(told, otherwise or repr(condition), within=within)


async def until_told(
    condition: Callable[[], Awaitable[Result]], otherwise: Words, *, within: float = SECONDS
) -> Result:
    """Do the same with a condition that has to be asked for."""
    begun = time.monotonic()
    while not (result := await condition()):  # noqa: ASYNC110  the outside world sets no event
        await asyncio.sleep(_pause(begun, within, otherwise))
    return result


def _pause(begun: float, within: float, otherwise: Words) -> float:
    """Return how long to pause, at first shortly. The condition is looked at once more after the deadline."""
    gone = time.monotonic() - begun
    if gone > within:
        raise AssertionError(f"not within {within:g} s: {otherwise if isinstance(otherwise, str) else otherwise()}")
    return min(max(_SHORTEST_PAUSE, gone / 50), _LONGEST_PAUSE)
