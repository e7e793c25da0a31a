"""The snapshot of a sidecar: the tier that survives a restart, when there is a place for it."""

from __future__ import annotations

from pathlib import Path

from promptops.cache.clock import Clock
from promptops.cache.tiers.disk import Disk
from promptops.cache.tiers.sealing import Seal
from promptops.cache.tiers.tier import OnError, Tier
from promptops.cache.verifier import Verifier
from promptops.reader.plans import UNDERSTANDING


def snapshots(
    directory: Path | None, key: bytes | None, verifier: Verifier, clock: Clock, on_error: OnError
) -> list[Tier]:
    """Return the snapshot in a directory, sealed when there is a key; nothing without a directory."""
    if directory is None:
        return []
    seal = Seal(key) if key is not None else None
    return [Disk(directory, verifier, clock, on_error, understanding=UNDERSTANDING, seal=seal)]
