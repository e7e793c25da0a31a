"""An adversary: the product's processes, in which whatever is written, delivered or reported takes a while, each time another one.

`make test-jitter` runs tests of a cluster against it. What reads one thing after it waited for another, written beside it, fails there.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from promptops.cli.main import main
from promptops.cluster.client import Client
from promptops.controller.intake.door import HandOver
from promptops.feed import frames
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower

_SOMETIMES = 0.6
"""So often something takes a while: what is slow shall meet what is not."""
_RANDOM = random.SystemRandom()


def slow_down(seconds: float) -> None:
    """Do it in this process."""
    _delay(Client, "call", seconds, _is_spared)
    _delay(Upstream, "report", seconds / 3, lambda *_: False)
    _delay(Follower, "_handle", seconds / 3, lambda _, frame, *__: frame.kind == frames.HEARTBEAT)
    _delay_deliveries(seconds / 3)


def _moment(most: float) -> float:
    return _RANDOM.uniform(0, most) if _RANDOM.random() < _SOMETIMES else 0.0


def _is_spared(_: Client, operation: str, method: str, path: str, *__: object) -> bool:
    """What is read; and the Lease and who calls, about which promises are made that are times."""
    return method == "GET" or "/leases" in path or "tokenreviews" in path


def _delay(kind: type, name: str, most: float, is_spared: Callable[..., bool]) -> None:
    """Have a method take a while before it does its work, and a shorter one after it."""
    prompt = getattr(kind, name)

    @wraps(prompt)
    async def late(*arguments: Any, **options: Any) -> Any:
        if is_spared(*arguments):
            return await prompt(*arguments, **options)
        await asyncio.sleep(_moment(most))
        answer = await prompt(*arguments, **options)
        await asyncio.sleep(_moment(most / 3))
        return answer

    setattr(kind, name, late)


def _delay_deliveries(most: float) -> None:
    """Have what the watches bring arrive late: in order what is about one object, in any order what is about several."""
    prompt, due = HandOver.__call__, dict[str, float]()

    def late(self: HandOver, kind: str, type_: str | None, manifest: Any) -> None:
        uid, loop = manifest["metadata"].get("uid", ""), self._loop
        due[uid] = max(loop.time() + _moment(most), due.get(uid, 0.0) + 0.001)
        loop.call_soon_threadsafe(loop.call_at, due[uid], prompt, self, kind, type_, manifest)

    setattr(HandOver, "__call__", late)  # noqa: B010  a method that is put in the place of another


if __name__ == "__main__":
    slow_down(float(sys.argv.pop(1)))
    main()
