"""The feed as this sidecar's supply: what follows it, what is counted of it, how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from promptops.api.feed import Position
from promptops.cache.clock import Clock
from promptops.cache.store import Store
from promptops.cache.tiers.tier import Tier
from promptops.cache.verifier import Verifier
from promptops.feed.anchors import Anchors, TrustUnusable
from promptops.feed.believed import Believed
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Below, Reporter
from promptops.reader.plans import UNDERSTANDING
from promptops.reader.tally import Tally
from promptops.settings.redis import RedisSettings
from promptops.sidecar.snapshots import snapshots
from promptops.sidecar.supply import SupplyError
from promptops.telemetry.sidecar import SidecarMetrics

if TYPE_CHECKING:
    from promptops.sidecar.mirror import SidecarMirror

_log = structlog.get_logger()
_OK: Final = "ok"
RENEW_SECONDS: Final = 10.0


def _mirror(settings: RedisSettings, verifier: Verifier, clock: Clock, metrics: SidecarMetrics) -> SidecarMirror:
    # Redis' package is an extra: without a mirror nobody needs it.
    from promptops.sidecar.mirror import SidecarMirror

    return SidecarMirror(settings, verifier, clock, metrics)


class _Observer(FollowerObserver):
    """Counts what happens and logs it once: a feed that stays away says so at its first failure, not at each."""

    def __init__(self, metrics: SidecarMetrics) -> None:
        self._metrics = metrics
        self._said: tuple[str, str] | None = None
        self._unheard: tuple[str, str] | None = None

    def connected(self) -> None:
        self._said = None
        _log.info("feed connected")

    def disconnected(self, reason: str, detail: str) -> None:
        if self._said != (reason, detail):
            self._said = (reason, detail)
            _log.warning("feed disconnected; what is held goes on being served", reason=reason, detail=detail)

    def refused(self, reason: str, detail: str) -> None:
        self._metrics.supply.refused(reason)
        _log.warning("feed refused", reason=reason, detail=detail)

    def unheard(self, reason: str, detail: str) -> None:
        self._metrics.supply.reports_refused(reason)
        if self._unheard != (reason, detail):
            self._unheard = (reason, detail)
            _log.warning("report refused; nobody knows what is served here", reason=reason, detail=detail)

    def took(self, position: Position, durable: bool) -> None:
        where = f"{position.epoch}.{position.term}.{position.seq}"
        _log.info("index taken", position=where, durable=durable)


class Feed:
    """Keeps a store at what the hop above publishes."""

    def __init__(
        self,
        url: str,
        *,
        token_file: Path,
        trust: Anchors,
        snapshot_directory: Path | None,
        snapshot_key: bytes | None,
        instance: str,
        store: Store,
        clock: Clock,
        metrics: SidecarMetrics,
        tally: Tally,
        mirror: RedisSettings | None = None,
        below: Below | None = None,
    ) -> None:
        def token() -> str:
            return token_file.read_text().strip()

        self._metrics = metrics
        self._said: str | None = None
        try:
            self._believed = believed = Believed(trust, snapshot_directory)
        except TrustUnusable as error:
            raise SupplyError(str(error)) from None
        self._connection = connection = Upstream(url, token, believed.now.context)
        believed.renewed = self._renewed
        tiers: list[Tier] = snapshots(
            snapshot_directory, snapshot_key, believed.verifier, clock, metrics.supply, self._tier_failed
        )
        self._mirror = _mirror(mirror, believed.verifier, clock, metrics) if mirror is not None else None
        if self._mirror is not None:
            tiers += self._mirror.tiers
        observer = _Observer(metrics)
        self._reporter = reporter = Reporter(
            connection,
            store,
            instance,
            kids=lambda: believed.ids,
            renders=tally,
            below=below,
            refused=observer.unheard,
        )
        self._follower = Follower(
            connection,
            believed.verifier,
            store,
            tiers,
            reporter,
            clock,
            observer=observer,
            understanding=UNDERSTANDING,
            on_tier_error=self._tier_failed,
            on_trust=believed.hear,
        )

    @property
    def connected(self) -> bool:
        """Whether a stream is open."""
        return self._follower.connected

    def dependencies(self) -> Mapping[str, str]:
        """Return how feed and snapshot stand."""
        feed = {"feed": _OK if self.connected else self._follower.problem or "not connected"}
        tiers = {keeper.tier.name: keeper.problem or _OK for keeper in self._follower.keepers}
        if self._reporter.problem is not None:
            feed["reports"] = self._reporter.problem
        return {**feed, **tiers, **(self._mirror.dependencies() if self._mirror is not None else {})}

    def findings(self) -> int:
        """Nothing is found here: the operator has judged."""
        return 0

    def load(self) -> None:
        """Serve what the snapshot holds."""
        self._follower.restore()

    async def run(self) -> None:
        """Follow until cancelled, and say goodbye."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_trust())
            if self._mirror is not None:
                mirroring = self._mirror.follow(self._follower.holdings, lambda: not self.connected)
                group.create_task(mirroring.run())
            await self._follower.run()

    def close(self) -> None:
        """Let another process have the snapshot."""
        self._follower.close()

    async def _renew_trust(self) -> None:
        """Believe what the trust file says by now: whoever mounts it renews it under our feet."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._believed.look()

    def _renewed(self) -> None:
        if (context := self._believed.now.context) is not None:
            self._connection.renew(context)

    def _tier_failed(self, reason: str, detail: str) -> None:
        self._metrics.supply.snapshot_failed(reason)
        if self._said != reason:
            _log.warning("snapshot failed; serving goes on from memory", reason=reason, detail=detail)
        self._said = reason
