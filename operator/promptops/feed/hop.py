"""What a follower asks of the hop above, whatever way leads there; nothing here needs a library of HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from promptops.api.feed import Blob


class Disconnected(Exception):
    """The hop above does not answer, or not with what was asked for. `reason` is a constant of promptops.api.reasons."""

    def __init__(self, reason: str, detail: str = "", status: int = 0) -> None:
        """`status`: what was answered, if anything was."""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.status = status

    @property
    def is_refusal(self) -> bool:
        """Whether what was said was heard, and not taken."""
        return 400 <= self.status < 500


class HopAbove(Protocol):
    """Whoever is followed."""

    def stream(
        self, headers: dict[str, str], asking: Callable[[], None]
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the stream and yield its bytes as they come; `asking` is called just before. Raises Disconnected."""

    async def blobs(self, digests: list[str]) -> tuple[Blob, ...]:
        """Fetch some of these blobs; those that are left out may be asked for again. Raises Disconnected."""

    async def close(self) -> None:
        """Close every connection. The next call opens new ones."""
