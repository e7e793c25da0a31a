"""Whether work grows in proportion to what somebody sends: twice the input, at most two and a half times the work.

Work is the thread's own processor time, the least of a few runs: another process cannot lengthen it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

Work = Callable[[], object]
ALLOWED = 2.5
_RUNS = 3
_ATTEMPTS = 10


def assert_linear(made_of: Callable[[int], Work], size: int) -> None:
    """Fail when the work made of `2 * size` costs more than two and a half times the work made of `size`.

    `made_of` prepares outside the measurement and returns a piece of work that can be done again and again. Choose
    `size` so that one piece takes some milliseconds.
    """
    once, twice = [], []
    for _ in range(_ATTEMPTS):  # a neighbour that has the cache makes one slower by chance: quadratic work always is
        once.append(least_seconds(made_of(size)))
        twice.append(least_seconds(made_of(2 * size)))
        if twice[-1] <= ALLOWED * once[-1] or min(twice) <= ALLOWED * min(once):
            return
    raise AssertionError(f"twice the input is {min(twice) / min(once):.1f} times the work, of at most {ALLOWED}")


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
