"""A test in which the product holds the loop is seen, by the work that was done and not by the time that went by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.support.held import HELD_SECONDS, Watchdog


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    """One that takes this file for the product."""
    watchdog = Watchdog(product=__file__)
    watchdog.start()
    yield watchdog
    watchdog.stop()


def work() -> None:
    until = time.thread_time() + 1.2 * HELD_SECONDS
    while time.thread_time() < until:
        pass


async def hold() -> None:
    work()


async def wait() -> None:
    time.sleep(1.2 * HELD_SECONDS)  # noqa: ASYNC251  a wait is no work


async def test_a_step_that_works_for_long_is_seen(watchdog: Watchdog) -> None:
    await asyncio.create_task(hold())

    (held,) = watchdog.take()
    assert (held.what, held.is_ours) == ("hold", True)
    assert held.seconds >= HELD_SECONDS


async def test_a_callback_is_seen_too(watchdog: Watchdog) -> None:
    asyncio.get_running_loop().call_soon(work)
    await asyncio.sleep(0)

    (held,) = watchdog.take()
    assert (held.what, held.is_ours) == ("work", True)


async def test_time_that_others_take_is_not(watchdog: Watchdog) -> None:
    await asyncio.create_task(wait())

    assert watchdog.take() == ()
