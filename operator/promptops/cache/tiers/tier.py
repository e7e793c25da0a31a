"""Where what is held survives: one protocol for a disk and for what comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from promptops.api.feed import Blob, Position, Signed
from promptops.cache.messages import IndexMessage
from promptops.cache.store import Step
from promptops.cache.view import View

OnError = Callable[[str, str], None]
"""Told of a reason (a constant of promptops.api.reasons) and details, from any thread."""


def nobody_counts(_reason: str, _detail: str) -> None:
    """Errors are told to nobody."""


@dataclass(frozen=True)
class Loaded:
    """What a tier held of one scope."""

    scope: str
    view: View | None
    """What is effective: also the older entries of prompts whose newest one could not be taken."""
    confirmed_at: float | None
    """When the origin had confirmed it, in the time of the present boot."""
    floor: Position | None
    """The position of a revocation: nothing of this scope at or below it is taken again."""


@dataclass(frozen=True)
class Glimpse:
    """What a mirror says that it holds of a scope."""

    scope: str
    position: Position
    signed: Signed
    """The header, or the revocation: verified."""
    revoked: bool
    confirmed_at: float
    """When the origin had confirmed it, in the time of the present boot."""


class MirrorAway(Exception):
    """A mirror cannot be read now. `reason` is a constant of promptops.api.reasons."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Readable(Protocol):
    """One scope in a mirror. Calls block, within bounds, come from any thread, and raise MirrorAway and Refused."""

    def glimpse(self) -> Glimpse | None:
        """Return what the mirror says that it holds; None: nothing."""

    def index(self) -> IndexMessage | None:
        """Return the index that lies there, not verified yet; None: none."""

    def blobs(self, digests: Sequence[str]) -> tuple[Blob, ...]:
        """Return those of the contents that lie there, not verified yet."""

    def changed(self, seconds: float) -> bool:
        """Wait so long for news. Returns whether there are any."""

    def close(self) -> None:
        """Let go of it."""


class Tier(Protocol):
    """Keeps views by scope. Calls block, may hang, come one at a time from one thread, and never raise.

    A call returns whether it is done now; what is not done is asked for again.
    """

    name: str
    """What a health report calls it."""
    durable: bool
    """Whether what is there survives a restart of this process: a view is served once it is."""

    @property
    def problem(self) -> str | None:
        """Why the last call was not done (a constant of promptops.api.reasons); None when it was."""

    def load(self) -> tuple[Loaded, ...]:
        """Return what is intact and verified."""

    def save(self, view: View, step: Step | None, confirmed_at: float) -> bool:
        """Keep a view. `step` leads to it from its base, should that be what was kept last."""

    def stamp(self, scope: str, position: Position, confirmed_at: float) -> bool:
        """Note that the origin confirmed the position."""

    def drop(self, scope: str, revocation: Signed) -> bool:
        """Forget everything of a scope but that its namespace is gone."""

    def keep_only(self, scope: str) -> bool:
        """Forget every other scope."""

    def close(self) -> None:
        """Let another process write."""
