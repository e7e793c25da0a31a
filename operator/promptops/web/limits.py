"""How long a connection may take, and how many there may be: shares of the descriptors that this process may have."""

from __future__ import annotations

import math
import resource
from dataclasses import dataclass
from typing import Final

HEAD_TIMEOUT: Final = "HeadTimeout"
BODY_TIMEOUT: Final = "BodyTimeout"
IDLE_TIMEOUT: Final = "IdleTimeout"
WRITE_TIMEOUT: Final = "WriteTimeout"
TOO_MANY: Final = "TooManyConnections"
MALFORMED: Final = "Malformed"
HANDSHAKE_TIMEOUT: Final = "HandshakeTimeout"
HANDSHAKE_FAILED: Final = "HandshakeFailed"

_RESERVED: Final = 64
"""Descriptors for files, the feed, the cluster and the loop itself."""
_WANTED: Final = 65_536
_MOST_OPERATIONS: Final = 64
_MOST: Final = 20_000
_MOST_HANDSHAKES: Final = 1000


@dataclass(frozen=True)
class Limits:
    """What one listener lets its callers take."""

    connections: int = 1000
    """Beyond it the connection that has been idle for longest makes room; when none is, the newcomer gets 503."""
    handshake_seconds: float = 5.0
    """To agree on TLS."""
    crowded_handshake_seconds: float = 0.5
    """To agree on it while others wait for a place: then whoever has waited for longest makes room."""
    head_seconds: float = 5.0
    """For a head, from the first byte or from the accepted connection."""
    body_seconds: float = 5.0
    """Without a byte of a body."""
    whole_body_seconds: float = 60.0
    idle_seconds: float = 60.0
    """Between two requests."""
    write_seconds: float = 20.0
    """Without a byte taken by the reader of an answer."""
    linger_seconds: float = 2.0
    """Without a byte, after a refusal: so long is read what the caller still sends, so that it hears the refusal."""
    whole_linger_seconds: float = 10.0
    linger_bytes: int = 16 * 1024 * 1024

    @property
    def handshakes(self) -> int:
        """Most connections that are accepted and not agreed on yet, in places that no other connection has."""
        return max(4, min(_MOST_HANDSHAKES, self.connections // 2))


class Taking:
    """Whether a reader takes what was written for it."""

    def __init__(self) -> None:
        self._unsent = 0
        self._deadline = math.inf

    def is_overdue(self, unsent: int, now: float, within: float) -> bool:
        """Look at how much is unsent now; return whether for too long nothing was taken."""
        if not unsent or unsent < self._unsent or self._unsent == 0:
            self._deadline = now + within
        self._unsent = unsent
        return now >= self._deadline


@dataclass(frozen=True)
class Shares:
    """Most connections by kind of listener. Together they leave descriptors for everything else."""

    operations: int
    """Open to the network, for a scraper and probes: a small share that nobody can enlarge."""
    serving: int
    """Of each listener that serves what the process is for."""


def shares(serving_listeners: int, descriptors: int) -> Shares:
    """Divide the descriptors of a process."""
    free = max(descriptors - _RESERVED, 16)
    operations = max(4, min(_MOST_OPERATIONS, free // 8))
    return Shares(operations, max(4, min(_MOST, (free - operations) * 7 // 8 // max(serving_listeners, 1))))


def descriptors() -> int:
    """Return how many descriptors this process may have, after asking for as many as it may ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _WANTED if soft == resource.RLIM_INFINITY else soft
