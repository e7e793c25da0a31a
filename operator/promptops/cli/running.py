"""The event loop of a process that serves, beside threads that it waits for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Final

import uvloop

HAND_OVER_SECONDS: Final = 0.0005
"""A thread that the loop waits for - it watches, or keeps a snapshot - gets its turn this soon when the loop is busy. With the
interpreter's own 5 ms, every file or socket that it touches would cost it as much."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run until it ends. Raises what it raises."""
    sys.setswitchinterval(HAND_OVER_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
