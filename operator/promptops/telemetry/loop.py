"""Whether the event loop is held: somebody's work, or a wait that blocks, while every other request stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

LOOK_SECONDS: Final = 0.05
HELD_SECONDS: Final = 0.05


async def watch(held: Callable[[float], None]) -> None:
    """Tell of every time in which the loop came too late by 50 ms or more, until cancelled.

    What is told is how late it was: at most 50 ms less than it was held.
    """
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        late = loop.time() - due
        if late >= HELD_SECONDS:
            held(late)
