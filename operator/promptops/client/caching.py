"""Where a client renders: in its own process, from what the sidecar's feed or a mirror in Redis brings, or in the sidecar, which is asked each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from promptops.reader.lately import MAX_SIZE, TTL_SECONDS


class CacheLevel(StrEnum):
    """What stands between a render and the sidecar. The sidecar holds everything, whatever a client chooses."""

    NONE = "none"
    """Nothing: the sidecar is asked each time."""
    MEMORY = "memory"
    """The process's own memory, where the sidecar is reached over its socket; elsewhere as NONE."""
    REDIS = "redis"
    """Nothing as long as the sidecar answers; where it does not, or there is none, the mirror in Redis."""
    HYBRID = "hybrid"
    """Both: the process's own memory, kept at what the mirror says while the sidecar is away."""

    @property
    def is_local(self) -> bool:
        """Whether renders are done in the process where that can be."""
        return self in (CacheLevel.MEMORY, CacheLevel.HYBRID)

    @property
    def has_mirror(self) -> bool:
        """Whether a mirror in Redis is wanted."""
        return self in (CacheLevel.REDIS, CacheLevel.HYBRID)


@dataclass(frozen=True)
class RedisConfig:
    """A mirror in Redis that a client reads by itself. What lies there is sealed and signed: without the key nothing of it can be read,
    and what the operator has not signed for the key's namespace is refused."""

    url: str
    """redis://host:port/0, rediss:// for TLS, or unix:///path. No password stands in it."""
    key_file: str | Path
    """The namespace's key, as `promptops key` prints it."""
    trust_file: str | Path
    """Whose signatures are believed: trust.json of the ConfigMap promptops-trust. It is read again from time to time."""
    username: str | None = None
    """Whom the server's ACL knows us as; None: its default user."""
    password_file: str | Path | None = None
    """A file with the password, read anew for every connection."""
    authority_file: str | Path | None = None
    """Certificate authorities in PEM that a rediss:// server is verified by; None: those of the machine."""


@dataclass(frozen=True)
class CacheConfig:
    """What a client holds."""

    level: CacheLevel = CacheLevel.MEMORY
    """Its word will do, as in `hybrid`."""
    ttl: float = TTL_SECONDS
    """Seconds for which a version that was asked for by its number is kept ready after its last render in the process. What a
    prompt serves is always ready, and what is ready never gets old: activations come by themselves. Nothing is fetched again when it
    is over: every version that can be asked for is held (docs/adr/0013)."""
    max_size: int = MAX_SIZE
    """So many versions that were asked for by number are kept ready at most: the one used longest ago makes room. Its content
    stays with what is held."""
    redis: RedisConfig | None = None
    """The mirror of the levels REDIS and HYBRID. None: the one that PROMPTOPS_REDIS_URL names with what belongs to it, as a sidecar is told;
    without that variable, the sidecar's own mirror has to do, and `initialize()` says when it has none."""

    def __post_init__(self) -> None:
        """Take a level by its word, as a file has it."""
        if isinstance(self.level, str) and self.level in set(CacheLevel):
            object.__setattr__(self, "level", CacheLevel(self.level))


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
    redis: str | None = None
    """How the mirror stands that this process reads by itself: `ok`, `starting`, or why it cannot be read; None: it reads none."""
    redis_errors: dict[str, int] = field(default_factory=dict)
    """How often it could not, or what lay there was refused, by reason."""
