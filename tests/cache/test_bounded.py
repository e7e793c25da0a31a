"""Calls that may hang: nobody waits beyond the bound, and a call that hangs is made once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from promptops.cache import bounded as bounded_calls
from promptops.cache.bounded import Bounded, Hangs
from tests.support.waiting import SECONDS, until


class Slow:
    """Counts its calls, each of which returns when it is let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.may_return = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        self.may_return.wait(SECONDS)
        return number


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.may_return.set()


async def test_who_asks_meanwhile_gets_the_same_answer(slow: Slow) -> None:
    bounded = Bounded(slow, SECONDS)
    asking = [asyncio.create_task(bounded()) for _ in range(3)]
    await until(lambda: slow.calls)

    slow.may_return.set()

    assert await asyncio.gather(*asking) == [1, 1, 1]


async def test_each_call_after_an_answer_is_a_new_one(slow: Slow) -> None:
    bounded = Bounded(slow, SECONDS)
    slow.may_return.set()

    assert [await bounded(), await bounded()] == [1, 2]


@pytest.mark.parametrize("clocks", ["agree", "differ"])
async def test_a_call_that_hangs_is_not_made_again(slow: Slow, monkeypatch: pytest.MonkeyPatch, clocks: str) -> None:
    if clocks == "differ":  # from the loop's, as they do by a millisecond
        monkeypatch.setattr(bounded_calls, "time", SimpleNamespace(monotonic=lambda: 0.0))
    bounded = Bounded(slow, 0.05)
    with pytest.raises(Hangs, match=r"no answer in 0\.05 seconds"):
        await bounded()

    with pytest.raises(Hangs, match="an earlier attempt has not returned"):
        await bounded()

    assert slow.calls == 1


async def test_who_is_cancelled_takes_nobodys_answer(slow: Slow) -> None:
    bounded = Bounded(slow, SECONDS)
    first, second = asyncio.create_task(bounded()), asyncio.create_task(bounded())
    await until(lambda: slow.calls)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    slow.may_return.set()

    assert await second == 1
