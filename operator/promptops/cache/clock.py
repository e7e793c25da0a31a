"""Time that ages can be measured with: it runs on while the machine sleeps and nobody can set it."""

import time
import uuid
from functools import partial
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock:
    """CLOCK_BOOTTIME with the id of the boot it counts from; the wall clock is only for comparing across boots."""

    def __init__(self) -> None:
        self.boot_id = _boot_id()

    def now(self) -> float:
        """Seconds since boot, sleep included."""
        return now_of_boot()

    def wall(self) -> float:
        """Seconds since 1970, as far as the machine knows."""
        return time.time()


# Where the kernel has no such clock (macOS) the monotonic one stands in.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
now_of_boot = partial(time.clock_gettime, _CLOCK)
"""Seconds since boot, sleep included, for who has no time to call a method."""


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        # Without an id no earlier process can be known to be of this boot.
        return uuid.uuid4().hex
