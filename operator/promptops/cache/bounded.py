"""Calls that may hang, made where they can: in threads that keep nothing from ending."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


def mirrored(future: Future[Result]) -> asyncio.Future[Result]:
    """Return what a thread will say, for the running loop. A loop that has ended by then is told nothing."""
    loop = asyncio.get_running_loop()
    mirror: asyncio.Future[Result] = loop.create_future()

    def copy(error: BaseException | None) -> None:
        if mirror.done():
            return
        if error is not None:
            mirror.set_exception(error)
        else:
            mirror.set_result(future.result())

    def tell(done: Future[Result]) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(copy, done.exception())

    future.add_done_callback(tell)
    return mirror


def begun(call: Callable[[], Result]) -> Future[Result]:
    """Make a call in a thread of its own, which keeps nothing from ending."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            result = call()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, daemon=True).start()
    return future


class Hangs(OSError):
    """The call has not returned in time."""


class Bounded(Generic[Result]):
    """One call that may hang, made again and again: while it hangs it is not made a second time.

    Who asks while another waits gets the same answer: it is as fresh as one's own could be.
    """

    def __init__(self, call: Callable[[], Result], seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._under_way: Future[Result] | None = None
        self._hangs_from = 0.0
        """By the monotonic clock."""

    async def __call__(self) -> Result:
        """Return what the call returns. Raises Hangs, or what the call raises."""
        under_way = self._begun()
        try:
            async with asyncio.timeout(self._seconds):
                return await mirrored(under_way)
        except TimeoutError:
            raise self._hangs(under_way) from None

    def wait(self) -> Result:
        """Do the same where there is no event loop."""
        under_way = self._begun()
        try:
            return under_way.result(self._seconds)
        except TimeoutError:
            raise self._hangs(under_way) from None

    def _begun(self) -> Future[Result]:
        if self._under_way is not None and not self._under_way.done():
            if time.monotonic() >= self._hangs_from:
                raise Hangs("an earlier attempt has not returned")
            return self._under_way
        self._hangs_from = time.monotonic() + self._seconds
        self._under_way = begun(self._call)
        return self._under_way

    def _hangs(self, under_way: Future[Result]) -> Hangs:
        if under_way is self._under_way:
            # Somebody has waited for as long as anybody does, by whichever clock: the next one need not.
            self._hangs_from = float("-inf")
        return Hangs(f"no answer in {self._seconds:g} seconds")
