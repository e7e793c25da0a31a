"""A render, as it is told to whoever collects traces. No prompt text, no values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RenderTrace:
    """A render, as far as it is told."""

    prompt_id: str
    prompt: str
    """The name of the prompt that is held; empty when none is called so."""
    version: str | None
    digest: str | None
    code: str | None
    """Why what is served was not answered, a constant of promptops.api.reasons; None when it was."""
    milliseconds: float
