"""What whoever counts is told of renders."""

from __future__ import annotations

from typing import Protocol


class RenderObserver(Protocol):
    """Counts renders."""

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """A render of this content was answered."""

    def failed(self, prompt: str, digest: str | None, reason: str, *, missed: bool) -> None:
        """A render was refused. `prompt` is empty when none of that name is held, `digest` None before a content was
        chosen; `missed`: the content is not held."""
