"""Connections that are accepted and not spoken with yet: how many there may be, and who makes room for whom."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptops.web import limits
from promptops.web.limits import Limits

if TYPE_CHECKING:
    from promptops.web.connection import HttpConnection

FEWEST: Final = 16
"""So many may agree even when every place is taken: else nobody could be told so."""


@dataclass(frozen=True, eq=False)
class _Handshake:
    socket: socket.socket
    began_at: float

    def break_off(self) -> None:
        """End it from below: the transport, whichever loop's and however far it came, finds that its caller is gone."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class Handshakes:
    """Those of one listener, the one that has waited for longest first."""

    def __init__(self, limits: Limits, ended: Callable[[str], None]) -> None:
        self._limits = limits
        self._ended = ended
        self._waiting: dict[HttpConnection, _Handshake] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, connection: HttpConnection, accepted: socket.socket, now: float) -> None:
        """Count one from now on."""
        self._waiting[connection] = _Handshake(accepted, now)

    def end(self, connection: HttpConnection) -> bool:
        """Forget one that is agreed on, or failed; return whether it was still waited for."""
        return self._waiting.pop(connection, None) is not None

    def seconds_until_room(self, open_connections: int, now: float) -> float:
        """Return how long the next one has to wait: 0 when there is a place, or one has waited for so long that it makes room."""
        if not self._are_too_many(open_connections):
            return 0.0
        oldest = next(iter(self._waiting.values()))
        return max(0.0, oldest.began_at + self._limits.crowded_handshake_seconds - now)

    def make_room(self, open_connections: int) -> None:
        """Break off the one that has waited for longest, when there is no place for one more."""
        if self._are_too_many(open_connections):
            self.break_off_oldest()

    def break_off_oldest(self) -> None:
        """Break off the one that has waited for longest, if there is any."""
        if self._waiting:
            self._waiting.pop(next(iter(self._waiting))).break_off()
            self._ended(limits.TOO_MANY)

    def break_off(self) -> None:
        """Break all of them off."""
        while self._waiting:
            self._waiting.popitem()[1].break_off()

    def _are_too_many(self, open_connections: int) -> bool:
        free = max(self._limits.connections - open_connections, FEWEST)
        return len(self._waiting) >= min(self._limits.handshakes, free)
