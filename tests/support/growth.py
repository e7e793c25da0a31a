"""Whether work grows in proportion to what somebody sends: twice the input, at most two and a half times the work.

Work is the thread's own processor time, the least of a few runs: another process cannot lengthen it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

Work = Callable[[], object]
ALLOWED = 2.5
_RUNS = 5
_ATTEMPTS = 3


def assert_linear(made_of: Callable[[int], Work], size: int) -> None:
    """Fail when the work made of `2 * size` costs more than two and a half times the work made of `size`.

    `made_of` prepares outside the measurement and returns a piece of work that can be done again and again. Choose
    `size` so that one piece takes some milliseconds.
    """
    ratios: list[float] = []
    for _ in range(_ATTEMPTS):  # a cache that was cold, or a neighbour that had it: quadratic work fails every time
        once, twice = least_seconds(made_of(size)), least_seconds(made_of(2 * size))
        ratios.append(twice / once)
        if ratios[-1] <= ALLOWED:
            return
    raise AssertionError(f"twice the input is {min(ratios):.1f} times the work, of at most {ALLOWED}")


def least_seconds(work: Work) -> float:
    """Return the least processor time that a piece of work took in a few runs."""
    gc.collect()
    gc.disable()
    try:
        return min(_seconds(work) for _ in range(_RUNS))
    finally:
        gc.enable()


def _seconds(work: Work) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun
