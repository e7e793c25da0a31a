"""Keys are worked on one at a time, as often as something changed, and back off from failures."""

from __future__ import annotations

import asyncio

import pytest

from promptops.controller.decide.queue import FIRST_BACKOFF, LONGEST_BACKOFF, KeyedQueue, Ledger


@pytest.fixture
def ledger() -> Ledger[str]:
    return Ledger(jitter=lambda: 1.0)


def test_a_key_that_is_added_again_while_it_waits_is_worked_on_once(ledger: Ledger[str]) -> None:
    ledger.add("a")
    ledger.add("b")
    ledger.add("a")

    taken = [ledger.take(0), ledger.take(0), ledger.take(0)]

    assert taken == ["a", "b", None]


def test_a_key_that_changes_while_it_is_worked_on_is_worked_on_again_afterwards(ledger: Ledger[str]) -> None:
    ledger.add("a")
    ledger.take(0)
    ledger.add("a")
    during = ledger.take(0)
    ledger.done("a")

    assert (during, ledger.take(0)) == (None, "a")


def test_a_busy_key_does_not_keep_others_waiting(ledger: Ledger[str]) -> None:
    ledger.add("a")
    ledger.take(0)
    ledger.add("a")
    ledger.add("b")

    assert ledger.take(0) == "b"


def test_failures_back_off_up_to_a_bound(ledger: Ledger[str]) -> None:
    delays = []
    now = 0.0
    ledger.add("a")
    for _ in range(12):
        assert ledger.take(now) == "a"
        delays.append(ledger.failed("a", now))
        now += delays[-1]

    assert delays[:3] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF]
    assert delays[-1] == LONGEST_BACKOFF


def test_a_success_forgets_the_failures(ledger: Ledger[str]) -> None:
    ledger.add("a")
    ledger.take(0)
    ledger.failed("a", 0)
    ledger.take(100)
    ledger.done("a")
    ledger.add("a")
    ledger.take(100)

    assert ledger.failed("a", 100) == FIRST_BACKOFF


def test_news_does_not_wait_for_the_backoff(ledger: Ledger[str]) -> None:
    ledger.add("a")
    ledger.take(0)
    ledger.failed("a", 0)
    before = ledger.take(0)
    ledger.add("a")

    assert (before, ledger.take(0)) == (None, "a")


def test_what_the_api_server_asks_for_is_waited_at_least(ledger: Ledger[str]) -> None:
    ledger.add("a")
    ledger.take(0)

    assert ledger.failed("a", 0, at_least=7.0) == 7.0


def test_the_earlier_of_two_later_looks_counts(ledger: Ledger[str]) -> None:
    ledger.add_at("a", 60)
    ledger.add_at("a", 5)
    ledger.add_at("a", 30)
    early, due = ledger.take(4), ledger.next_due()

    assert (early, due, ledger.take(5), ledger.next_due()) == (None, 5, "a", None)


async def test_one_bad_key_stops_nobody() -> None:
    worked: list[str] = []
    finished = asyncio.Event()

    async def work(key: str) -> None:
        worked.append(key)
        if key == "bad":
            raise ValueError(key)
        if key == "last":
            finished.set()

    failures: list[tuple[str, str]] = []
    queue: KeyedQueue[str] = KeyedQueue(work, workers=1)
    queue.failed = lambda key, error, delay: failures.append((key, str(error)))
    for key in ("bad", "good", "last"):
        queue.add(key)
    running = asyncio.create_task(queue.run())
    async with asyncio.timeout(5):
        await finished.wait()
    running.cancel()

    assert worked[:3] == ["bad", "good", "last"]
    assert failures == [("bad", "bad")]


async def test_a_key_is_never_worked_on_by_two_workers() -> None:
    at_work, most, runs = 0, 0, 0
    enough = asyncio.Event()

    async def work(key: str) -> None:
        nonlocal at_work, most, runs
        at_work += 1
        most = max(most, at_work)
        queue.add(key)
        await asyncio.sleep(0)
        at_work -= 1
        runs += 1
        if runs == 50:
            enough.set()

    queue: KeyedQueue[str] = KeyedQueue(work, workers=8)
    queue.add("a")
    running = asyncio.create_task(queue.run())
    async with asyncio.timeout(5):
        await enough.wait()
    running.cancel()

    assert most == 1


async def test_a_later_look_happens_without_anything_else() -> None:
    looked = asyncio.Event()

    async def work(key: str) -> None:
        looked.set()

    queue: KeyedQueue[str] = KeyedQueue(work)
    running = asyncio.create_task(queue.run())
    queue.add_after("a", 0.05)
    async with asyncio.timeout(5):
        await looked.wait()
    running.cancel()

    assert len(queue) == 0
