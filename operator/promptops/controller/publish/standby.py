"""A replica that does not lead is a relay: it follows the leader, and serves what it holds until it leads itself."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from promptops.cache.store import Store
from promptops.controller.publish.trust import Keys
from promptops.feed.connection import Upstream
from promptops.feed.relay import Relay

_LOOK_SECONDS: Final = 0.25
PATIENCE_SECONDS: Final = 20.0
"""So long a replica is not ready because it cannot follow the leader. Then it is: nobody else would take over either."""


class Standby:
    """Follows whoever leads, as long as somebody else does."""

    def __init__(
        self,
        keys: Keys,
        host: str,
        token_file: Path | None,
        leader: Callable[[], str | None],
        has_taken_over: Callable[[], bool],
    ) -> None:
        """`leader`: host:port of somebody else who leads. `has_taken_over`: whether everything is published by us."""
        self._keys = keys
        self._token_file = token_file
        self._leader = leader
        self._has_taken_over = has_taken_over
        self._following: asyncio.Task[None] | None = None
        self._since = time.monotonic()
        connection = Upstream("https://nobody.invalid", self._token, self._context(), wide=True, server_name=host)
        self.relay = Relay(connection, keys.verifier)

    @property
    def problem(self) -> str | None:
        """Why the leader is not followed; None when it is, or nothing can be done about it."""
        if self._token_file is None or self.relay.connected:
            return None
        if time.monotonic() - self._since > PATIENCE_SECONDS:
            return None
        return f"waiting for the leader's feed: {self.relay.problem}"

    def store(self, scope: str) -> Store | None:
        """Return what is held of a scope."""
        return self.relay.store(scope)

    def renew(self) -> None:
        """Something else is to be believed."""
        self.relay.connection.renew(self._context())

    async def run(self) -> None:
        """Follow, forever."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._stop()

    async def _look(self) -> None:
        leader = self._leader()
        if leader is None or self._token_file is None:
            await self._stop()
        else:
            self.relay.move(f"https://{leader}")
            if self._following is None or self._following.done():
                self._following = asyncio.create_task(self.relay.run())
        if self._has_taken_over():
            # What is left has no place any more: what we publish counts.
            for scope in self.relay.scopes():
                self.relay.leave(scope)

    async def _stop(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    def _token(self) -> str:
        if self._token_file is None:
            raise FileNotFoundError("no token")
        return self._token_file.read_text()

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self._keys.trust.ca)
