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
    REDIS = "redis"
    """The sidecar, and its mirror in Redis: for a client as NONE."""
    HYBRID = "hybrid"
    """Both: for a client as MEMORY."""

    @property
    def is_local(self) -> bool:
        """Whether renders are done in the process where that can be."""
        return self in (CacheLevel.MEMORY, CacheLevel.HYBRID)


@dataclass(frozen=True)
class CacheConfig:
    """What a client holds."""

    level: CacheLevel = CacheLevel.MEMORY


@dataclass(frozen=True)
class CacheStatistics:
    """What a client holds in this process, and how often that sufficed."""

    level: CacheLevel
    hits: int
    """Renders that were done in this process."""
    misses: int
    """Renders that the sidecar was asked for."""
    hit_rate: float
    """From 0 to 1; 1 before the first render."""
    prompts: int
    """Held, of which the active version can be rendered here."""
    contents: int
    """Versions of them that are held."""
    is_current: bool
    """Whether that is known to be what the sidecar serves."""
    age_seconds: float | None
    """Since the origin confirmed it; None: nothing is held."""
