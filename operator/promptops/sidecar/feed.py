"""The feed as this sidecar's supply: what follows it, what is counted of it, how it stands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from promptops.api.feed import Position, Trust
from promptops.api.wire import read
from promptops.cache.clock import Clock
from promptops.cache.signing import KeyVerifier
from promptops.cache.store import Store
from promptops.cache.tiers.disk import Snapshot
from promptops.feed.follow import Follower
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Reporter
from promptops.reader.plans import UNDERSTANDING
from promptops.reader.tally import Tally
from promptops.sidecar.supply import SupplyError
from promptops.telemetry.sidecar import SidecarMetrics

_log = structlog.get_logger()
_OK: Final = "ok"


class _Observer(FollowerObserver):
    """Counts what happens and logs it once: a feed that stays away says so at its first failure, not at each."""

    def __init__(self, metrics: SidecarMetrics) -> None:
        self._metrics = metrics
        self._said: tuple[str, str] | None = None

    def connected(self) -> None:
        self._said = None
        _log.info("feed connected")

    def disconnected(self, reason: str, detail: str) -> None:
        if self._said != (reason, detail):
            self._said = (reason, detail)
            _log.warning("feed disconnected; what is held goes on being served", reason=reason, detail=detail)

    def refused(self, reason: str, detail: str) -> None:
        self._metrics.refused(reason)
        _log.warning("feed refused", reason=reason, detail=detail)

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
        trust_file: Path,
        snapshot_directory: Path | None,
        instance: str,
        store: Store,
        clock: Clock,
        metrics: SidecarMetrics,
        tally: Tally,
    ) -> None:
        def token() -> str:
            return token_file.read_text().strip()

        self._metrics = metrics
        self._snapshot_problem = _OK
        verifier = _verifier(trust_file)
        self._snapshot = (
            Snapshot(snapshot_directory, verifier, clock, self._snapshot_failed, understanding=UNDERSTANDING)
            if snapshot_directory
            else None
        )
        reporter = Reporter(url, token, store, instance, kids=verifier.kids, renders=tally.counters)
        self._follower = Follower(
            url,
            token,
            verifier,
            store,
            self._snapshot,
            reporter,
            clock,
            observer=_Observer(metrics),
            understanding=UNDERSTANDING,
        )

    @property
    def connected(self) -> bool:
        """Whether a stream is open."""
        return self._follower.connected

    def dependencies(self) -> Mapping[str, str]:
        """Return how feed and snapshot stand."""
        feed = {"feed": _OK if self.connected else self._follower.problem or "not connected"}
        return feed | ({"snapshot": self._snapshot_problem} if self._snapshot else {})

    def findings(self) -> int:
        """Nothing is found here: the operator has judged."""
        return 0

    def load(self) -> None:
        """Serve what the snapshot holds."""
        self._follower.restore()

    async def run(self) -> None:
        """Follow until cancelled, and say goodbye."""
        await self._follower.run()

    def close(self) -> None:
        """Let another process have the snapshot."""
        if self._snapshot is not None:
            self._snapshot.close()

    def _snapshot_failed(self, reason: str, detail: str) -> None:
        self._metrics.snapshot_failed(reason)
        if self._snapshot_problem != reason:
            _log.warning("snapshot failed; serving goes on from memory", reason=reason, detail=detail)
        self._snapshot_problem = reason


def _verifier(trust_file: Path) -> KeyVerifier:
    try:
        return KeyVerifier(read(trust_file.read_bytes(), Trust))
    except OSError as error:
        raise SupplyError(f"the trust file {trust_file} cannot be read: {error.strerror}") from None
    except ValueError:  # unreadable, or not keys
        raise SupplyError(
            f'the trust file {trust_file} must be JSON like {{"keys": [{{"kid": "…", "public": "…"}}]}}'
        ) from None
