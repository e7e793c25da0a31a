"""Takes what a mirror holds while the hop above is away. Never waited for by whoever renders, nor by what the hop above sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from promptops.api import reasons
from promptops.api.feed import Blob
from promptops.cache.bounded import Bounded, Hangs, begun, mirrored
from promptops.cache.refusal import Refused
from promptops.cache.tiers.tier import Glimpse, MirrorAway, OnError, Readable
from promptops.feed.holding import Holding
from promptops.feed.holdings import Holdings
from promptops.feed.hop import Disconnected

LOOK_SECONDS: Final = 2.0
"""So often the mirror is looked at: while it is not needed, so that a fault of it is known before it is; while it is, for the
age of what it holds. Of a change it tells by itself."""
CALL_SECONDS: Final = 6.0
"""More than any call to it can take."""
_POLL_SECONDS: Final = 0.25


class Mirroring:
    """Keeps what is held at what the mirror says, as long as `is_away` says that nobody better does."""

    def __init__(self, mirror: Readable, holdings: Holdings, is_away: Callable[[], bool], on_error: OnError) -> None:
        self.problem: str | None = None
        """Why the mirror cannot be used, a constant of promptops.api.reasons; None when it can, or nobody has looked yet."""
        self.has_looked = False
        """Whether somebody has, and was answered."""
        self._mirror = mirror
        self._holdings = holdings
        self._is_away = is_away
        self._on_error = on_error
        self._glimpse = Bounded(mirror.glimpse, CALL_SECONDS)
        self._index = Bounded(mirror.index, CALL_SECONDS)
        self._news = Bounded(lambda: mirror.changed(LOOK_SECONDS), LOOK_SECONDS + CALL_SECONDS)

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await self._look()
                await self._pause()
        finally:
            begun(self._mirror.close)

    async def _look(self) -> None:
        try:
            glimpse = await self._glimpse()
            if glimpse is not None and self._is_away():
                await self._take(glimpse)
        except (Refused, MirrorAway) as error:
            self._failed(error.reason, error.detail)
        except Hangs as error:
            self._failed(reasons.SNAPSHOT_SLOW, str(error))
        except Exception as error:
            # Whatever lies there and however wrong we are about it: what is held is served, and it is looked at again.
            self._failed(reasons.INTERNAL_ERROR, type(error).__name__)
        else:
            self.problem, self.has_looked = None, True

    async def _take(self, glimpse: Glimpse) -> None:
        """Hold what the mirror holds, if that is more than what is held. Raises Refused, MirrorAway, Hangs."""
        holding, held = self._holdings.of(glimpse.scope), self._holdings.held
        if glimpse.revoked:
            if held is not None and held.header.scope == glimpse.scope:
                await holding.drop(glimpse.signed)
            return
        if held is not None and held.header.scope != glimpse.scope:
            if (self._holdings.confirmed_at or 0.0) >= glimpse.confirmed_at:
                return
        elif held is not None and held.position >= glimpse.position:
            await self._confirm(holding, glimpse)
            return
        message = await self._index()
        if message is None:
            raise Refused(reasons.BLOB_MISSING, "there is a head in the mirror and no index")
        await holding.take_index(message, glimpse.confirmed_at, self._fetch, "redis", self._is_away)

    async def _confirm(self, holding: Holding, glimpse: Glimpse) -> None:
        held = self._holdings.held
        if held is None or held.position != glimpse.position:
            return
        if held.signed is None or held.signed.payload != glimpse.signed.payload:
            raise Refused(reasons.FORK, f"in the mirror is another index at {glimpse.position}")
        await holding.confirm(glimpse.position, glimpse.confirmed_at, self._fetch, "redis")

    async def _fetch(self, digests: list[str]) -> tuple[Blob, ...]:
        try:
            return await mirrored(begun(lambda: self._mirror.blobs(digests)))
        except MirrorAway as error:
            raise Disconnected(error.reason, error.detail) from None

    async def _pause(self) -> None:
        """Return when there is news in the mirror, or it is time to look, or the hop above has gone away."""
        if not self._is_away():
            for _ in range(round(LOOK_SECONDS / _POLL_SECONDS)):
                await asyncio.sleep(_POLL_SECONDS)
                if self._is_away():
                    break
            return
        try:
            await self._news()
        except (MirrorAway, Hangs):
            # It has been told by the look before, or will be by the one to come.
            await asyncio.sleep(LOOK_SECONDS)

    def _failed(self, reason: str, detail: str) -> None:
        self.problem = reason
        self._on_error(reason, detail)
