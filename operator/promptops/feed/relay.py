"""A relay: follows every scope of the hop above, and has what it holds served to those below, in the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from promptops.api.feed import Header, Position, Report, Signed
from promptops.cache.store import Store
from promptops.cache.tiers.tier import Tier
from promptops.cache.verifier import Verifier
from promptops.feed.authentication import Caller
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower, OnTrust
from promptops.feed.gathering import Gathering
from promptops.feed.observer import FollowerObserver
from promptops.feed.wide import CLOSED

NEW_LEADER: Final = "NewLeader"
SILENT_SECONDS: Final = 60.0
"""A scope of which nothing was said for so long while others were confirmed is one that the hop above has no more."""
_LOOK_SECONDS: Final = 5.0


class _Observed(FollowerObserver):
    """Hands on what concerns reports."""

    def __init__(self, relay: Relay, observer: FollowerObserver) -> None:
        self._relay = relay
        self._observer = observer

    def connected(self) -> None:
        self._relay.gathering.again()
        self._observer.connected()

    def disconnected(self, reason: str, detail: str) -> None:
        self._observer.disconnected(reason, detail)

    def refused(self, reason: str, detail: str) -> None:
        self._observer.refused(reason, detail)

    def took(self, position: Position, durable: bool) -> None:
        self._observer.took(position, durable)

    def ahead(self, scope: str) -> None:
        store = self._relay.store(scope)
        if store is not None and store.current is not None and store.current.signed is not None:
            self._relay.gathering.prove(scope, store.current.signed)
        self._observer.ahead(scope)


class Relay:
    """What is held of every scope, and what those who follow here have to say. Belongs to one event loop."""

    def __init__(
        self,
        connection: Upstream,
        verifier: Verifier,
        observer: FollowerObserver | None = None,
        on_trust: OnTrust | None = None,
        tiers: Iterable[Tier] = (),
    ) -> None:
        """`connection`: to the hop above, for every scope. `tiers`: where what is held is kept as well."""
        self.connection = connection
        observer = observer or FollowerObserver()
        self.gathering = Gathering(connection, observer.unheard)
        observed = _Observed(self, observer)
        self._follower = Follower(connection, verifier, None, tiers, observer=observed, on_trust=on_trust)

    @property
    def connected(self) -> bool:
        """Whether a stream is open."""
        return self._follower.connected

    @property
    def problem(self) -> str | None:
        """Why not; None when it is."""
        return self._follower.problem

    def move(self, url: str) -> None:
        """Follow this hop from now on, and call it at once if it is another one."""
        if self.connection.move(url):
            self._follower.call_now()

    def store(self, scope: str) -> Store | None:
        """Return what is held of a scope."""
        return self._follower.holdings.stores.get(scope)

    def scopes(self) -> tuple[str, ...]:
        """Return every scope of which something is held."""
        stores = self._follower.holdings.stores
        return tuple(scope for scope, store in stores.items() if store.current is not None)

    def header(self, scope: str) -> Header | None:
        """Return the header of what is held of a scope."""
        store = self.store(scope)
        return store.current.header if store is not None and store.current is not None else None

    def reported(self, caller: Caller, report: Report, age_seconds: float) -> int:
        """Take in what somebody who follows here serves, or served so long ago."""
        return self.gathering.take(caller, report, age_seconds)

    def shown(self, header: Header, signed: Signed) -> None:
        """Somebody who follows here holds more than we do: the origin has to know."""
        self.gathering.prove(header.scope, signed)

    def leave(self, scope: str, reason: str = NEW_LEADER) -> None:
        """Hold a scope no longer: somebody else serves it here from now on."""
        self._follower.holdings.leave(scope, reason)

    def leave_silent(self) -> None:
        """Hold no longer what was closed, or gone, while the hop above could not be heard.

        When nothing at all is confirmed, nothing is left: what is held is served, as old as it is.
        """
        confirmed = {scope: store.confirmed_at for scope, store in self._follower.holdings.stores.items()}
        latest = max((at for at in confirmed.values() if at is not None), default=0.0)
        for scope, at in confirmed.items():
            if at is not None and latest - at > SILENT_SECONDS:
                self.leave(scope, CLOSED)

    async def run(self) -> None:
        """Follow and pass on until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follower.run())
            group.create_task(self.gathering.run())
            group.create_task(self._leave_silent())

    def close(self) -> None:
        """Let go of the tiers. Takes a second for each at most."""
        self._follower.close()

    async def _leave_silent(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.leave_silent()
