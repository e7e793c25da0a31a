"""A follower in this process, of a server of the feed that is a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from promptops.api.feed import Entry, Position, Trust
from promptops.api.wire import read
from promptops.cache.clock import Clock
from promptops.cache.signing import KeyVerifier
from promptops.cache.store import Store
from promptops.dev.stack import Stack
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Reporter


class Seen(FollowerObserver):
    """Every position that a follower came to."""

    def __init__(self) -> None:
        self.positions: list[Position] = []

    def took(self, position: Position, durable: bool) -> None:
        self.positions.append(position)

    @property
    def never_stepped_back(self) -> bool:
        """Whether each was above the one before."""
        return self.positions == sorted(self.positions)


@dataclass
class Followed:
    """What it holds, and what it saw."""

    store: Store
    seen: Seen
    clock: Clock

    def serves(self, text: str) -> bool:
        """Whether the text is in what is active."""
        view = self.store.current
        return view is not None and any(text in view.blobs[each].decode() for each in _served(view.entries.values()))

    def digest(self, name: str) -> str:
        """Return the digest of what is active under a name; nothing while that is nothing."""
        view = self.store.current
        entry = view.entries.get(name) if view is not None else None
        return entry.stable.digest if entry is not None and entry.stable is not None else ""

    @property
    def age_seconds(self) -> float:
        """How old it says that is."""
        return self.store.age_seconds(self.clock.now())


def _served(entries: Iterable[Entry]) -> list[str]:
    return [entry.stable.digest for entry in entries if entry.stable is not None]


@asynccontextmanager
async def following(stack: Stack, url: str, name: str, namespace: str = "default") -> AsyncIterator[Followed]:
    """Follow a URL with a token of the namespace, and report as a sidecar does."""
    token = stack.feed_token(namespace, name).read_text()
    trust = read(stack.trust(), Trust)
    store, seen = Store(), Seen()
    connection = Upstream(url, lambda: token, stack.feed_context())
    reporter = Reporter(connection, store, name)
    follower = Follower(connection, KeyVerifier(trust), store, (), reporter, observer=seen)
    task = asyncio.create_task(follower.run())
    try:
        yield Followed(store, seen, Clock())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
