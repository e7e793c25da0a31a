"""Where a client renders: in its own process, from what the sidecar's feed brings, or in the sidecar, which is asked each time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from promptops.reader.lately import MAX_SIZE, TTL_SECONDS


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
    ttl: float = TTL_SECONDS
    """Seconds for which a version that was asked for by its number is kept ready after its last render in the process. What a
    prompt serves is always ready, and what is ready never gets old: activations come by themselves. Nothing is fetched again when it
    is over: every version that can be asked for is held (docs/adr/0013)."""
    max_size: int = MAX_SIZE
    """So many versions that were asked for by number are kept ready at most: the one used longest ago makes room. Its content
    stays with what is held."""


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
    size: int
    """Versions that were asked for by number and are ready, `max_size` at most."""
    max_size: int
    evictions: int
    """Of them, those that had to make room."""
    expirations: int
    """Of them, those that nobody used for `ttl` seconds."""
    is_current: bool
    """Whether that is known to be what the sidecar serves."""
    age_seconds: float | None
    """Since the origin confirmed it; None: nothing is held."""
