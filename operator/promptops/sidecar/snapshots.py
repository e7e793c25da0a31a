"""The snapshot of a sidecar: the tier that survives a restart, when there is a place for it."""

from __future__ import annotations

from pathlib import Path

import structlog

from promptops.cache.clock import Clock
from promptops.cache.tiers.disk import Disk
from promptops.cache.tiers.files import lies_in_memory
from promptops.cache.tiers.sealing import Seal
from promptops.cache.tiers.tier import OnError, Tier
from promptops.cache.verifier import Verifier
from promptops.reader.plans import UNDERSTANDING
from promptops.telemetry.sidecar import SupplyMetrics

_log = structlog.get_logger()


def snapshots(
    directory: Path | None,
    key: bytes | None,
    verifier: Verifier,
    clock: Clock,
    metrics: SupplyMetrics,
    on_error: OnError,
) -> list[Tier]:
    """Return the snapshot in a directory, sealed when there is a key; nothing without a directory.

    One that others may read is told: served it is all the same, for it may be all that there is.
    """
    if directory is None:
        return []
    if in_clear := key is None and not lies_in_memory(directory):
        _log.warning(
            "the snapshot is in the clear, and not in memory: who reads this disk or a copy of it reads the prompts; "
            "set PROMPTOPS_SNAPSHOT_KEY_FILE, or keep it in a memory volume",
            directory=str(directory),
        )
    metrics.snapshot_lies(in_clear=in_clear)
    seal = Seal(key) if key is not None else None
    return [Disk(directory, verifier, clock, on_error, understanding=UNDERSTANDING, seal=seal)]
