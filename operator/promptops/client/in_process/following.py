"""The thread that keeps a store at what the sidecar serves, or the mirror says where it is away: begun when it is needed, begun again when it ends, ended when it is not.

Everything it needs is loaded before it begins. A process may fork at any moment, and a child that inherits a module half
loaded by a thread that it did not inherit waits for it for ever.
"""

from __future__ import annotations

import asyncio
import secrets
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from promptops.cache.store import Store
from promptops.cache.verifier import Trusting
from promptops.cache.view import View
from promptops.client.background import Background
from promptops.client.in_process.ledger import RenderLedger
from promptops.client.in_process.reporting import NobodyTold, Reporting
from promptops.client.in_process.socket_hop import SocketHop
from promptops.feed.follow import Follower
from promptops.feed.observer import FollowerObserver

if TYPE_CHECKING:
    from promptops.client.in_process.mirrored import OwnMirror

MOST_BACKOFF_SECONDS: Final = 1.0
"""So long a sidecar next door is left alone at most."""
AGAIN_SECONDS: Final = 1.0
"""After a fault of ours it begins anew, no sooner than this."""
JOIN_SECONDS: Final = 2.0


class Following:
    """Follows in a thread. A forked child has no such thread: it abandons this and makes one of its own."""

    def __init__(
        self,
        path: str | None,
        store: Store,
        observer: FollowerObserver,
        ledger: RenderLedger,
        current: Callable[[], View | None],
        mirror: OwnMirror | None = None,
    ) -> None:
        """`path`: the sidecar's socket; None: there is only the mirror. `ledger` and `current`: what the sidecar is told."""
        instance = secrets.token_hex(8)
        self._hop = SocketHop(path, instance) if path is not None else None
        self.reporting = Reporting(instance, self._hop or NobodyTold(), ledger, current)
        self.mirror = mirror
        self.scope: str | None = None
        """The scope that the sidecar has served to this process."""
        self._store = store
        self._observer = observer
        self._background = Background(self._run, "promptops")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ended = False

    @property
    def is_mirrored(self) -> bool:
        """Whether a mirror keeps current what is held while the sidecar is away."""
        return self._loop is not None and self.mirror is not None and self.mirror.is_well

    @property
    def mirror_errors(self) -> dict[str, int]:
        """How often the mirror could not be read, by reason."""
        return dict(self.mirror.errors) if self.mirror is not None else {}

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._background.is_alive

    def ensure(self) -> None:
        """Begin unless it runs already, or was stopped."""
        if not self._ended:
            self._background.ensure()

    def stop(self) -> None:
        """End, and wait for the end."""
        self._ended = True
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        self._background.join(JOIN_SECONDS)

    def abandon(self) -> None:
        """Close what a child has inherited of it. The thread stays with the parent, and goes on there."""
        if self._hop is not None:
            self._hop.abandon()
        # The pair of sockets by which asyncio wakes a loop has no public name.
        for inherited in (getattr(self._loop, "_ssock", None), getattr(self._loop, "_csock", None)):
            if isinstance(inherited, socket.socket):
                inherited.close()

    def _run(self) -> None:
        while not self._ended:
            try:
                with suppress(Exception), asyncio.Runner(loop_factory=_loop) as runner:
                    runner.run(self._follow())
            finally:
                # Whatever ended it: nobody keeps current any more what is held.
                self._loop = None
                self._observer.disconnected("", "")
            if not self._ended:
                time.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._ended:
            return
        follower = self._follower(self._hop) if self._hop is not None else None
        beside = [asyncio.ensure_future(self.reporting.run()), asyncio.ensure_future(self._mirrored(follower))]
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._stop.wait())]
        if follower is not None:
            ends.append(asyncio.ensure_future(follower.run()))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*ends, *beside):
                task.cancel()
            await asyncio.gather(*ends, *beside, return_exceptions=True)

    def _follower(self, hop: SocketHop) -> Follower:
        return Follower(
            hop,
            Trusting(),
            self._store,
            observer=self._observer,
            most_backoff=MOST_BACKOFF_SECONDS,
            repeats_source=True,
        )

    async def _mirrored(self, follower: Follower | None) -> None:
        """Take from the mirror while the sidecar is away. However that goes wrong, the sidecar is followed."""

        def is_away() -> bool:
            if follower is None:
                return True
            self.scope = follower.holdings.scope or self.scope
            return not follower.connected

        while self.mirror is not None:
            with suppress(Exception):
                await self.mirror.run(is_away)
            await asyncio.sleep(AGAIN_SECONDS)


def _loop() -> asyncio.AbstractEventLoop:
    """Return a loop that holds no descriptor of a poller, which a child would inherit."""
    return asyncio.SelectorEventLoop(selectors.PollSelector())
