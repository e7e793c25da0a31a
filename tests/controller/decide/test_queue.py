"""Keys are worked on one at a time, as often as something changed, and back off from failures."""

from __future__ import annotations

import asyncio

import pytest

from promptops.controller.decide.ledger import FIRST_BACKOFF, LONGEST_BACKOFF, Lane, Ledger
from promptops.controller.decide.queue import BESIDE_CHANGES, RUSH, KeyedQueue
from promptops.domain.bucket import Bucket
from tests.support.waiting import SECONDS, until


def namespace_of(key: str) -> str:
    """Keys of these tests are written namespace/name; those without a namespace are all of one."""
    return key.rpartition("/")[0]


class Taking(Ledger[str]):
    """A ledger of which only the keys are looked at."""

    def key(self, now: float) -> str | None:
        taken = self.take(now)
        return taken[0] if taken is not None else None


@pytest.fixture
def ledger() -> Taking:
    return Taking(namespace_of, jitter=lambda: 1.0)


def test_a_key_that_is_added_again_while_it_waits_is_worked_on_once(ledger: Taking) -> None:
    ledger.add("a")
    ledger.add("b")
    ledger.add("a")

    taken = [ledger.key(0), ledger.key(0), ledger.key(0)]

    assert taken == ["a", "b", None]


def test_a_key_that_changes_while_it_is_worked_on_is_worked_on_again_afterwards(ledger: Taking) -> None:
    ledger.add("a")
    ledger.key(0)
    ledger.add("a")
    during = ledger.key(0)
    ledger.done("a")

    assert (during, ledger.key(0)) == (None, "a")


def test_a_busy_key_does_not_keep_others_waiting(ledger: Taking) -> None:
    ledger.add("a")
    ledger.key(0)
    ledger.add("a")
    ledger.add("b")

    assert ledger.key(0) == "b"


def test_failures_back_off_up_to_a_bound(ledger: Taking) -> None:
    delays = []
    now = 0.0
    ledger.add("a")
    for _ in range(12):
        assert ledger.key(now) == "a"
        delays.append(ledger.failed("a", now))
        now += delays[-1]

    assert delays[:3] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF]
    assert delays[-1] == LONGEST_BACKOFF


def test_a_success_forgets_the_failures(ledger: Taking) -> None:
    ledger.add("a")
    ledger.key(0)
    ledger.failed("a", 0)
    ledger.key(100)
    ledger.done("a")
    ledger.add("a")
    ledger.key(100)

    assert ledger.failed("a", 100) == FIRST_BACKOFF


def test_news_does_not_wait_for_the_backoff(ledger: Taking) -> None:
    ledger.add("a")
    ledger.key(0)
    ledger.failed("a", 0)
    before = ledger.key(0)
    ledger.add("a")

    assert (before, ledger.key(0)) == (None, "a")


def test_what_the_api_server_asks_for_is_waited_at_least(ledger: Taking) -> None:
    ledger.add("a")
    ledger.key(0)

    assert ledger.failed("a", 0, at_least=7.0) == 7.0


def test_the_earlier_of_two_later_looks_counts(ledger: Taking) -> None:
    ledger.add_at("a", 60)
    ledger.add_at("a", 5)
    ledger.add_at("a", 30)
    early, due = ledger.key(4), ledger.next_due()

    assert (early, due, ledger.key(5), ledger.next_due()) == (None, 5, "a", None)


async def test_one_bad_key_stops_nobody() -> None:
    worked: list[str] = []
    finished = asyncio.Event()

    async def work(key: str) -> bool:
        worked.append(key)
        if key == "bad":
            raise ValueError(key)
        if key == "last":
            finished.set()
        return True

    failures: list[tuple[str, str]] = []
    queue: KeyedQueue[str] = KeyedQueue(work, namespace_of, workers=1)
    queue.failed = lambda key, error, delay: failures.append((key, str(error)))
    for key in ("bad", "good", "last"):
        queue.add(key)
    running = asyncio.create_task(queue.run())
    async with asyncio.timeout(SECONDS):
        await finished.wait()
    running.cancel()

    assert worked[:3] == ["bad", "good", "last"]
    assert failures == [("bad", "bad")]


async def test_a_key_is_never_worked_on_by_two_workers() -> None:
    at_work, most, runs = 0, 0, 0
    enough = asyncio.Event()

    async def work(key: str) -> bool:
        nonlocal at_work, most, runs
        at_work += 1
        most = max(most, at_work)
        queue.add(key)
        await asyncio.sleep(0)
        at_work -= 1
        runs += 1
        if runs == 50:
            enough.set()
        return True

    queue: KeyedQueue[str] = KeyedQueue(work, namespace_of, workers=8)
    queue.add("a")
    running = asyncio.create_task(queue.run())
    async with asyncio.timeout(SECONDS):
        await enough.wait()
    running.cancel()

    assert most == 1


async def test_a_later_look_happens_without_anything_else() -> None:
    looked = asyncio.Event()

    async def work(key: str) -> bool:
        looked.set()
        return False

    queue: KeyedQueue[str] = KeyedQueue(work, namespace_of)
    running = asyncio.create_task(queue.run())
    queue.add_after("a", 0.05)
    async with asyncio.timeout(SECONDS):
        await looked.wait()
    running.cancel()

    assert len(queue) == 0


def test_what_git_or_a_person_changed_comes_first_always(ledger: Taking) -> None:
    for number in range(1000):
        ledger.add(f"busy/{number}", Lane.COUNTING)
        ledger.add(f"busy/version-{number}", Lane.FOLLOWING)
    ledger.add("quiet/prompt", Lane.CHANGED)

    assert ledger.take(0) == ("quiet/prompt", Lane.CHANGED)
    assert ledger.take(0) == ("busy/version-0", Lane.FOLLOWING)


def test_namespaces_take_turns(ledger: Taking) -> None:
    for number in range(3):
        ledger.add(f"a/{number}")
    ledger.add("b/0")
    ledger.add("c/0")

    assert [ledger.key(0) for _ in range(5)] == ["a/0", "b/0", "c/0", "a/1", "a/2"]


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        pytest.param(Lane.COUNTING, Lane.CHANGED, Lane.CHANGED, id="a change overtakes its own count"),
        pytest.param(Lane.CHANGED, Lane.COUNTING, Lane.CHANGED, id="a count does not slow a change down"),
    ],
)
def test_the_more_urgent_lane_of_a_key_counts(ledger: Taking, first: Lane, second: Lane, counts: Lane) -> None:
    ledger.add("a", first)
    ledger.add("a", second)

    assert (ledger.take(0), ledger.take(0)) == (("a", counts), None)


def test_a_key_that_changed_while_it_was_worked_on_keeps_the_lane_of_the_change(ledger: Taking) -> None:
    ledger.add("a", Lane.COUNTING)
    ledger.take(0)
    ledger.add("a", Lane.COUNTING)
    ledger.add("a", Lane.CHANGED)
    ledger.done("a")

    assert ledger.take(0) == ("a", Lane.CHANGED)


def test_a_failure_is_tried_again_in_its_lane(ledger: Taking) -> None:
    ledger.add("a", Lane.COUNTING)
    ledger.take(0)
    ledger.failed("a", 0)

    assert ledger.take(1) == ("a", Lane.COUNTING)


def test_a_bucket_lets_through_what_was_saved_and_then_its_rate() -> None:
    bucket = Bucket(per_second=20, saved=2)
    waits = [bucket.take(100.0) for _ in range(3)]
    bucket.give_back()

    assert waits == [0.0, 0.0, pytest.approx(0.05)]
    assert bucket.take(100.0) == 0.0
    assert bucket.take(100.0) == pytest.approx(0.05)
    assert bucket.take(100.06) == 0.0


class Counted:
    """A queue whose work is written down."""

    def __init__(self, wrote: bool, counts_per_second: float = 1.0) -> None:
        self.keys: list[str] = []
        self.wrote = wrote
        self.queue: KeyedQueue[str] = KeyedQueue(
            self.work, namespace_of, workers=2, counts_per_second=counts_per_second
        )

    async def work(self, key: str) -> bool:
        self.keys.append(key)
        return self.wrote


async def test_counts_that_are_written_wait_for_the_bucket_and_changes_do_not() -> None:
    counted = Counted(wrote=True)
    for number in range(50):
        counted.queue.add(f"busy/{number}", Lane.COUNTING)
    running = asyncio.create_task(counted.queue.run())
    await until(lambda: len(counted.keys) >= 1)
    for number in range(20):
        counted.queue.add(f"quiet/{number}", Lane.CHANGED)
    await until(lambda: len(counted.keys) >= 21)
    running.cancel()

    assert sum(key.startswith("busy/") for key in counted.keys) <= 2
    assert {f"quiet/{number}" for number in range(20)} <= set(counted.keys)


async def test_counts_that_turn_out_to_be_no_news_cost_nothing() -> None:
    counted = Counted(wrote=False)
    for number in range(50):
        counted.queue.add(f"busy/{number}", Lane.COUNTING)
    running = asyncio.create_task(counted.queue.run())
    await until(lambda: len(counted.keys) == 50)
    running.cancel()

    assert len(counted.queue) == 0


async def test_a_change_finds_a_worker_while_everything_else_hangs() -> None:
    changed = asyncio.Event()

    async def work(key: str) -> bool:
        if key == "quiet/prompt":
            changed.set()
        else:
            await asyncio.Event().wait()
        return True

    queue: KeyedQueue[str] = KeyedQueue(work, namespace_of, workers=4)
    for number in range(20):
        queue.add(f"busy/{number}", Lane.FOLLOWING)
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    queue.add("quiet/prompt", Lane.CHANGED)
    async with asyncio.timeout(SECONDS):
        await changed.wait()
    running.cancel()

    assert len(queue) == 18


class Working:
    """A queue in which changes are worked on until they are released, and so is what follows."""

    def __init__(self, changes: int, hold_seconds: float) -> None:
        self.most = self.at_work = self.changing = 0
        self.changed, self.release = asyncio.Event(), asyncio.Event()
        self.queue: KeyedQueue[str] = KeyedQueue(self._work, namespace_of, workers=32, hold_seconds=hold_seconds)
        for number in range(changes):
            self.queue.add(f"a/changed-{number}")

    def follow(self) -> None:
        """Add what follows."""
        for number in range(20):
            self.queue.add(f"a/follows-{number}", Lane.FOLLOWING)

    async def _work(self, key: str) -> bool:
        if key.startswith("a/changed"):
            self.changing += 1
            await self.changed.wait()
            return True
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await self.release.wait()
        self.at_work -= 1
        return True


@pytest.mark.parametrize(
    ("changes", "hold_seconds", "beside"),
    [
        pytest.param(RUSH, 2 * SECONDS, 0, id="none in a rush"),
        pytest.param(1, 2 * SECONDS, BESIDE_CHANGES, id="few beside a change"),
        pytest.param(RUSH, 0.0, BESIDE_CHANGES, id="few in a rush that goes on and on"),
    ],
)
async def test_what_follows_takes_few_workers_while_changes_are_worked_on(
    changes: int, hold_seconds: float, beside: int
) -> None:
    working = Working(changes, hold_seconds)
    running = asyncio.create_task(working.queue.run())
    await until(lambda: working.changing == changes)
    working.follow()
    for _ in range(100):
        await asyncio.sleep(0)
    during = working.most
    working.changed.set()
    await until(lambda: working.at_work == 16)
    working.release.set()
    await until(lambda: not len(working.queue) and not working.at_work)
    running.cancel()

    assert (during, working.most) == (beside, 16)


async def test_the_queue_tells_how_long_a_key_waited_and_in_which_lane() -> None:
    told: list[tuple[Lane, float]] = []

    async def work(_: str) -> bool:
        return False

    queue = KeyedQueue(work, namespace_of)
    queue.waited = lambda lane, seconds: told.append((lane, seconds))
    queue.add("n/a", Lane.FOLLOWING)
    queue.add("n/a", Lane.CHANGED)
    running = asyncio.create_task(queue.run())
    await until(lambda: len(told) == 1)
    running.cancel()

    assert told[0][0] is Lane.CHANGED
    assert told[0][1] >= 0.0
