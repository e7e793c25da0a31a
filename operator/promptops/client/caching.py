"""Where a client renders: in its own process, from what the sidecar's feed brings, or in the sidecar, which is asked each time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CacheLevel(StrEnum):
    """What stands between a render and the sidecar. The sidecar holds everything, whatever a client chooses."""

    NONE = "none"
    """Nothing: the sidecar is asked each time."""
    MEMORY = "memory"
    """The process's own memory, where the sidecar is reached over its socket; elsewhere as NONE."""


@dataclass(frozen=True)
class CacheConfig:
    """What a client holds."""

    level: CacheLevel = CacheLevel.MEMORY
