"""When the origin last confirmed something, in a form that a later process, or a later boot, can make sense of."""

from __future__ import annotations

import msgspec

from promptops.api.feed import Position
from promptops.cache.clock import Clock


class Stamp(msgspec.Struct, frozen=True):
    """A moment, by the clock of a boot and by the wall."""

    position: Position
    """What was confirmed."""
    boot_id: str
    at: float
    """CLOCK_BOOTTIME of that boot."""
    wall: float


def stamped(position: Position, at: float, clock: Clock) -> Stamp:
    """Return the stamp of a confirmation at `at` of the present boot."""
    return Stamp(position, clock.boot_id, at, clock.wall() - (clock.now() - at))


def resumed(stamp: Stamp, clock: Clock) -> float:
    """Return the stamp's moment in the time of the present boot: an age computed from it is never too small.

    Of an earlier boot it is only sure that it was before this one began. The wall clock usually knows more, and may be
    wrong: of the two the older moment counts, so the age is a lower bound when the wall clock was set back.
    """
    now = clock.now()
    if stamp.boot_id == clock.boot_id and stamp.at <= now:
        return stamp.at
    return now - max(now, clock.wall() - stamp.wall)
