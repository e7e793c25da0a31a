"""The mirror in Redis for a sidecar: beside a feed, for when that is away, and in the place of one where no stream can be held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from promptops.api.feed import Position
from promptops.cache.clock import Clock
from promptops.cache.store import Store
from promptops.cache.tiers.keeper import Keeper
from promptops.cache.tiers.mirror import Mirror
from promptops.cache.tiers.mirror_reader import MirrorReader
from promptops.cache.tiers.redis_server import RedisServer
from promptops.cache.tiers.sealing import Sole
from promptops.cache.tiers.tier import Tier
from promptops.cache.verifier import Verifier
from promptops.feed.anchors import Anchors, TrustUnusable
from promptops.feed.believed import Believed
from promptops.feed.holding import Rules
from promptops.feed.holdings import Holdings
from promptops.feed.mirroring import Mirroring
from promptops.feed.observer import FollowerObserver
from promptops.reader.plans import UNDERSTANDING
from promptops.settings.redis import RedisSettings
from promptops.sidecar.snapshots import snapshots
from promptops.sidecar.supply import SupplyError
from promptops.telemetry.sidecar import SidecarMetrics

_OK: Final = "ok"
RENEW_SECONDS: Final = 10.0
_log = structlog.get_logger()


class SidecarMirror:
    """What a sidecar has of the mirror: a reader, and a writer if it is told to be one."""

    def __init__(self, settings: RedisSettings, verifier: Verifier, clock: Clock, metrics: SidecarMetrics) -> None:
        """Raises SettingsError when the key cannot be used."""
        seals = Sole(settings.key())
        failed = metrics.mirror.failed
        self._reader = MirrorReader(RedisServer(settings), seals.of(""), verifier, clock, failed)
        self._writer = Mirror(RedisServer(settings), seals, verifier, clock, failed) if settings.writes else None
        self._failed = failed
        self._mirroring: Mirroring | None = None

    @property
    def tiers(self) -> Sequence[Tier]:
        """What is to be kept at what is held."""
        return (self._writer,) if self._writer is not None else ()

    @property
    def has_looked(self) -> bool:
        """Whether Redis has answered, and does."""
        return self._mirroring is not None and self._mirroring.has_looked and self._mirroring.problem is None

    def follow(self, holdings: Holdings, is_away: Callable[[], bool]) -> Mirroring:
        """Return what takes from the mirror while the hop above is away."""
        self._mirroring = Mirroring(self._reader, holdings, is_away, self._failed)
        return self._mirroring

    def dependencies(self) -> Mapping[str, str]:
        """Return how Redis stands."""
        reading = self._mirroring.problem if self._mirroring is not None else None
        writing = self._writer.problem if self._writer is not None else None
        return {"redis": reading or writing or _OK}


class _Observer(FollowerObserver):
    """Logs what was taken, counts what was not."""

    def __init__(self, metrics: SidecarMetrics) -> None:
        self._metrics = metrics

    def refused(self, reason: str, detail: str) -> None:
        self._metrics.mirror.failed(reason, detail)

    def took(self, position: Position, durable: bool) -> None:
        _log.info("index taken from the mirror", position=f"{position.epoch}.{position.term}.{position.seq}")


class MirrorAlone:
    """A supply where no stream can be held: what the mirror says, as soon as it says it."""

    def __init__(
        self,
        settings: RedisSettings,
        *,
        trust: Anchors,
        snapshot_directory: Path | None,
        snapshot_key: bytes | None,
        store: Store,
        clock: Clock,
        metrics: SidecarMetrics,
    ) -> None:
        """Raises SupplyError when trust, SettingsError when the key cannot be used."""
        try:
            self._believed = believed = Believed(trust, snapshot_directory)
        except TrustUnusable as error:
            raise SupplyError(str(error)) from None
        self._metrics = metrics
        self._mirror = SidecarMirror(settings, believed.verifier, clock, metrics)
        tiers = snapshots(snapshot_directory, snapshot_key, believed.verifier, clock, metrics.supply, self._tier_failed)
        self._keepers = tuple(Keeper(tier, self._tier_failed) for tier in tiers)
        rules = Rules(believed.verifier, self._keepers, _Observer(metrics), UNDERSTANDING)
        self._holdings = Holdings(rules, store)
        self._mirroring = self._mirror.follow(self._holdings, lambda: True)

    @property
    def connected(self) -> bool:
        """Whether Redis answers."""
        return self._mirror.has_looked

    def dependencies(self) -> Mapping[str, str]:
        """Return how Redis and the snapshot stand."""
        return {**self._mirror.dependencies(), **{each.tier.name: each.problem or _OK for each in self._keepers}}

    def findings(self) -> int:
        """Nothing is found here: the operator has judged."""
        return 0

    def load(self) -> None:
        """Serve what the snapshot holds."""
        self._holdings.restore()

    async def run(self) -> None:
        """Take what the mirror says until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_trust())
            await self._mirroring.run()

    def close(self) -> None:
        """Let another process have the snapshot."""
        self._holdings.close()

    async def _renew_trust(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._believed.look()

    def _tier_failed(self, reason: str, detail: str) -> None:
        self._metrics.supply.snapshot_failed(reason)
        _log.warning("snapshot failed; serving goes on from memory", reason=reason, detail=detail)
