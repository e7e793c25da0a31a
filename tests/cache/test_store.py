"""The store: replaced as a whole, waited for, and honest about its age."""

from __future__ import annotations

import asyncio

from promptops.api.feed import Position
from promptops.cache.clock import Clock
from promptops.cache.store import Confirmed, Dropped, Ended, Event, Store, Swapped
from promptops.cache.tiers.stamp import Stamp, resumed, stamped
from promptops.cache.view import View
from tests.cache.scribe import Scribe, entry, held_blobs

FIRST, SECOND = Position(1, 1, 1), Position(1, 1, 2)


def view(seq: int = 1) -> View:
    scribe = Scribe()
    header = scribe.header(Position(1, 1, seq), [entry("a", "Hello")])
    return View.build(header, scribe.signer.sign(header), [entry("a", "Hello")], held_blobs("Hello"), "live")


def directory(seq: int = 1) -> View:
    return View.unsigned([entry("a", "Hello")], held_blobs("Hello"), seq, namespace="local", tenant="local")


async def test_whoever_waits_gets_the_next_position() -> None:
    store = Store()
    first = asyncio.create_task(store.changed(None))
    await asyncio.sleep(0)
    store.swap(view(1))
    second = asyncio.create_task(store.changed(FIRST))
    await asyncio.sleep(0)

    assert (await first).position == FIRST
    assert not second.done()
    store.swap(view(2))
    assert (await second).position == SECOND
    assert (await store.changed(FIRST)).position == SECOND


def test_listeners_hear_everything_in_order_until_they_stop() -> None:
    store, heard = Store(), list[Event]()
    unlisten = store.listen(heard.append)
    before, after = view(1), view(2)

    store.confirm(1.0)
    store.swap(before)
    store.confirm(2.0)
    store.swap(after)
    store.end("Shutdown")
    assert before.signed is not None
    store.drop(before.signed)
    unlisten()
    store.swap(before)

    assert heard == [
        Swapped(before, None),
        Confirmed(FIRST, 2.0),
        Swapped(after, None),
        Ended("Shutdown"),
        Dropped(before.signed),
    ]


def test_age_is_since_the_last_confirmation() -> None:
    store = Store()
    store.swap(view())
    store.confirm(100.0)

    assert store.age_seconds(103.5) == 3.5
    assert not store.stale(110.0)
    assert store.stale(110.1)


def test_an_older_confirmation_makes_nothing_older_and_another_view_nothing_younger() -> None:
    store = Store()
    store.swap(view(1))
    store.confirm(100.0)

    store.confirm(60.0)
    store.swap(view(2))

    assert store.age_seconds(105.0) == 5.0


def test_another_scope_was_confirmed_by_nobody() -> None:
    store = Store()
    store.swap(view())
    store.confirm(100.0)

    store.swap(directory())

    assert store.confirmed_at is None


def test_what_was_never_confirmed_is_stale_and_as_old_as_the_boot() -> None:
    store = Store()
    store.swap(view())

    assert store.stale(50.0)
    assert store.age_seconds(50.0) == 50.0


def test_a_directory_has_no_age() -> None:
    store = Store()
    store.swap(directory())

    assert store.age_seconds(1e6) == 0.0
    assert not store.stale(1e6)


def test_a_dropped_scope_leaves_nothing() -> None:
    store = Store()
    store.swap(view())
    store.confirm(1.0)

    store.drop(view().signed)  # type: ignore[arg-type]

    assert store.current is None
    assert store.stale(1.0)


def test_a_directory_is_a_view_like_any_other() -> None:
    made = directory(7)

    assert made.names == {"a": "a"}
    assert made.position == Position(0, 0, 7)
    assert made.header.count == 1
    assert made.source == "directory"


class FixedClock(Clock):
    """A clock that stands where it is put."""

    def __init__(self, boot_id: str, now: float, wall: float) -> None:
        self.boot_id = boot_id
        self._now = now
        self._wall = wall

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall


def age(stamp: Stamp, clock: Clock) -> float:
    return clock.now() - resumed(stamp, clock)


def test_an_age_goes_on_within_a_boot_whatever_the_wall_clock_does() -> None:
    stamp = stamped(FIRST, 95.0, FixedClock("boot-1", 100.0, 5000.0))

    assert age(stamp, FixedClock("boot-1", 160.0, 1.0)) == 65.0


def test_an_age_across_boots_is_never_less_than_the_uptime() -> None:
    stamp = stamped(FIRST, 95.0, FixedClock("boot-1", 100.0, 5000.0))

    assert age(stamp, FixedClock("boot-2", 20.0, 5100.0)) == 105.0
    assert age(stamp, FixedClock("boot-2", 20.0, 10.0)) == 20.0


def test_a_moment_in_the_future_of_its_boot_is_not_believed() -> None:
    stamp = Stamp(FIRST, "boot-1", 500.0, 5000.0)

    assert age(stamp, FixedClock("boot-1", 20.0, 5007.0)) == 20.0


def test_the_real_clock_runs() -> None:
    clock = Clock()

    assert clock.boot_id == Clock().boot_id
    assert 0 < clock.now() <= clock.now()
