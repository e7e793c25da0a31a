"""The hop above a relay: every namespace followed there, whom it is believed by, and who may have what is held."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Final

import structlog

from promptops.access.authenticator import Authenticator
from promptops.access.namespaces import AskedNamespaces
from promptops.api.feed import Position, Signed
from promptops.api.names import feed_host
from promptops.cache.clock import Clock
from promptops.cache.tiers.tier import Tier
from promptops.cache.verifier import Verifier
from promptops.cluster.client import Client
from promptops.cluster.objects import Objects
from promptops.cluster.tokens import TokenReviewer
from promptops.feed.anchors import Anchors
from promptops.feed.believed import Believed
from promptops.feed.connection import Upstream
from promptops.feed.observer import FollowerObserver
from promptops.feed.relay import Relay
from promptops.settings.redis import RedisSettings
from promptops.settings.relay import RelaySettings
from promptops.telemetry.relay import RelayMetrics

FLUSH_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 10.0
"""So often the trust file is read: its ConfigMap is renewed under our feet."""
_log = structlog.get_logger()


class _RelayObserver(FollowerObserver):
    """Counts what happens and logs it once: a hop that stays away says so at its first failure, not at each."""

    def __init__(self, metrics: RelayMetrics) -> None:
        self._metrics = metrics
        self._said: tuple[str, str] | None = None
        self._unheard: tuple[str, str] | None = None

    def connected(self) -> None:
        self._said = None
        _log.info("hop above connected")

    def disconnected(self, reason: str, detail: str) -> None:
        if self._said != (reason, detail):
            self._said = (reason, detail)
            _log.warning("hop above disconnected; what is held goes on being served", reason=reason, detail=detail)

    def refused(self, reason: str, detail: str) -> None:
        self._metrics.refused(reason)
        _log.warning("hop above refused", reason=reason, detail=detail)

    def unheard(self, reason: str, detail: str) -> None:
        self._metrics.reports_refused(reason)
        if self._unheard != (reason, detail):
            self._unheard = (reason, detail)
            _log.warning("hop above refused a report; the others go on", reason=reason, detail=detail)

    def took(self, position: Position, durable: bool) -> None:
        """Every change of every namespace: not worth a line."""

    def ahead(self, scope: str) -> None:
        _log.warning("the hop above is behind what is held here", scope=scope)


class Above:
    """What a relay has from the hop above. Belongs to one event loop."""

    def __init__(self, settings: RelaySettings, client: Client, metrics: RelayMetrics) -> None:
        """Raises TrustUnusable when the trust file cannot be used, SettingsError when a mirror's key cannot."""
        self._metrics = metrics
        self._clock = Clock()
        self._believed = Believed(Anchors(settings.trust_file), None)
        self._connection = Upstream(
            settings.feed_url,
            settings.token_file.read_text,
            self._believed.now.context,
            wide=True,
            server_name=feed_host(settings.namespace),
        )
        mirror = settings.mirror
        tiers = [_mirror(mirror, self._believed.verifier, self._clock, metrics)] if mirror is not None else []
        self.relay = Relay(self._connection, self._believed.verifier, _RelayObserver(metrics), self._heard, tiers)
        asked = AskedNamespaces(TokenReviewer(client), Objects(client), self.relay.header)
        self.authenticate = Authenticator(asked, asked.places, metrics.feed)
        self._believed.renewed = self._renewed
        self.announced: Callable[[Signed], None] = lambda _: None
        """Told whom those below are to believe, in the origin's words."""
        self._was_connected = False

    @property
    def verifier(self) -> Verifier:
        """Whose signatures are believed."""
        return self._believed.verifier

    @property
    def kids(self) -> tuple[str, ...]:
        """Ids of every key and authority that is believed."""
        return self._believed.ids

    @property
    def not_ready(self) -> str | None:
        """Why nothing can be served yet; None once it could: a hop above that goes away later changes nothing."""
        self._was_connected = self._was_connected or self.relay.connected
        return None if self._was_connected else f"the hop above is not followed: {self.relay.problem}"

    def lasting(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what runs as long as the process, by its name in metrics and log."""
        yield "relay", self.relay.run
        yield "trust", self._look_at_trust

    async def flush(self) -> None:
        """Pass on what was heard last, if the hop above takes it at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.relay.gathering.flush()

    def observe(self) -> None:
        """Bring the gauges up to date."""
        now, scopes = self._clock.now(), self.relay.scopes()
        stores = [store for store in map(self.relay.store, scopes) if store is not None]
        oldest = max((store.age_seconds(now) for store in stores), default=0.0)
        self._metrics.holding(connected=self.relay.connected, scopes=len(scopes), oldest_seconds=oldest)

    async def _look_at_trust(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._believed.look()

    def _heard(self, signed: Signed) -> None:
        """Believe it, and say it to those below in the same bytes. Raises Refused."""
        if self._believed.hear(signed):
            self.announced(signed)

    def close(self) -> None:
        """Let go of what is kept elsewhere."""
        self.relay.close()

    def _renewed(self) -> None:
        if (context := self._believed.now.context) is not None:
            self._connection.renew(context)


def _mirror(settings: RedisSettings, verifier: Verifier, clock: Clock, metrics: RelayMetrics) -> Tier:
    # Redis' package is an extra: without a mirror nobody needs it.
    from promptops.cache.tiers.mirror import Mirror
    from promptops.cache.tiers.redis_server import RedisServer
    from promptops.cache.tiers.sealing import Derived

    return Mirror(RedisServer(settings), Derived(settings.key()), verifier, clock, metrics.mirror.failed)
