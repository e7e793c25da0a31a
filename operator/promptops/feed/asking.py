"""Asks a hop for its index, as a follower does, and leaves: to see whether one could be had."""

from __future__ import annotations

import asyncio
from pathlib import Path

from promptops.api import reasons
from promptops.api.feed import Header, Position
from promptops.cache.store import Store
from promptops.feed.anchors import Anchors, TrustUnusable
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from promptops.feed.observer import FollowerObserver

_PATIENT_SECONDS = 1.0
"""Between two tries at most."""


class NotFollowed(Exception):
    """No index came in time; the message says what came instead."""


class _Waiting(FollowerObserver):
    """Knows when something was said that another try would hear again."""

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.is_stranger = False
        self.said = ""

    def disconnected(self, reason: str, detail: str) -> None:
        if self.settled.is_set():
            return
        self.said = f"{reason}: {detail}"
        self.is_stranger = reason == reasons.TENANT_UNKNOWN
        if reason in (reasons.TENANT_UNKNOWN, reasons.UNAUTHENTICATED):
            self.settled.set()

    def refused(self, reason: str, detail: str) -> None:
        self.said = f"{reason}: {detail}"
        self.settled.set()

    def took(self, position: Position, durable: bool) -> None:
        self.settled.set()


async def ask_for_index(url: str, token_file: Path, trust_file: Path, within: float) -> Header | None:
    """Return the header of the index that the token's namespace gets, once it is verified; None when the operator
    knows whose the token is and the namespace is no tenant's.

    `within`: seconds. Raises NotFollowed.
    """
    try:
        trusted = Anchors(trust_file).first()
    except TrustUnusable as error:
        raise NotFollowed(str(error)) from None
    store, waiting = Store(), _Waiting()
    follower = Follower(
        Upstream(url, token_file.read_text, trusted.context),
        trusted.verifier,
        store,
        observer=waiting,
        most_backoff=_PATIENT_SECONDS,
    )
    following = asyncio.create_task(follower.run())
    try:
        async with asyncio.timeout(within):
            await waiting.settled.wait()
    except TimeoutError:
        raise NotFollowed(waiting.said or f"no index within {within:.0f} seconds") from None
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        follower.close()
    if waiting.is_stranger:
        return None
    if store.current is None:
        raise NotFollowed(waiting.said)
    return store.current.header
