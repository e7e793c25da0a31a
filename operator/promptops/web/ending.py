"""How a connection ends: refused, lingered over, closed, or cut off when that takes too long."""

from __future__ import annotations

import asyncio
import math

from promptops.web import limits
from promptops.web.answers import Answer, head_of
from promptops.web.door import SharedListener
from promptops.web.limits import Taking
from promptops.web.requests import Head


class Ending:
    """The end of one connection, and whether it has come."""

    def __init__(self, door: SharedListener, transport: asyncio.Transport) -> None:
        self.has_begun = False
        self._door = door
        self._limits = door.limits
        self._transport = transport
        self._dropped = 0
        self._deadline = math.inf
        self._last_deadline = math.inf
        """Of all the lingering, however much still comes."""
        self._taking = Taking()

    def refuse(self, answer: Answer, head: Head | None) -> None:
        """Write the last answer there will be."""
        opening = head_of(answer, head, self._door.date, keeps_alive=False)
        self._transport.write(opening if head is not None and head.method == "HEAD" else opening + answer.body)

    def linger(self) -> None:
        """Send no more, and go on reading for a while: closed with unread bytes, a connection takes the answer with it."""
        self.has_begun = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._last_deadline = self._now + self._limits.whole_linger_seconds
        self._deadline = self._now + self._limits.linger_seconds

    def drop(self, size: int) -> None:
        """So many bytes came that nobody reads any more."""
        self._dropped += size
        self._deadline = min(self._now + self._limits.linger_seconds, self._last_deadline)
        if self._dropped > self._limits.linger_bytes:
            self.cut_off()

    def close(self) -> None:
        """Close once everything that was written is taken."""
        self.has_begun = True
        self._deadline = self._now + self._limits.whole_linger_seconds
        self._transport.close()

    def cut_off(self) -> None:
        """End at once, whatever is under way."""
        self.has_begun = True
        self._transport.abort()

    def check(self, now: float) -> None:
        """Cut off whoever does not take what was written, or does not hang up."""
        if self._taking.is_overdue(self._transport.get_write_buffer_size(), now, self._limits.write_seconds):
            self._door.ended(limits.WRITE_TIMEOUT)
            self.cut_off()
        if now >= self._deadline:
            self.cut_off()

    @property
    def _now(self) -> float:
        return self._door.loop.time()
