"""What is answered when a prompt cannot be had: the application's own words, said to be that."""

from __future__ import annotations

from typing import Final

from promptops.api import reasons
from promptops.api.http import RenderedMessage, RenderResponse, Warning
from promptops.client.errors import (
    CircuitOpenError,
    NetworkError,
    PromptNotFoundError,
    PromptOpsError,
    RateLimitError,
    ServerError,
    TimeoutError,
    ValidationError,
)
from promptops.client.vocabulary import Fallback

_COVERED: Final = (CircuitOpenError, NetworkError, PromptNotFoundError, RateLimitError, ServerError, TimeoutError)
"""A prompt that is missing, disabled or out of reach. A caller's mistake is never covered up."""


def covers(error: PromptOpsError) -> bool:
    """Whether the application's own words may stand in for an answer that ended so."""
    return isinstance(error, _COVERED)


def checked(fallback: Fallback | None) -> tuple[RenderedMessage, ...] | None:
    """Return the messages that a fallback is; None for none. Raises ValidationError for anything else."""
    if fallback is None:
        return None
    if isinstance(fallback, str):
        return (RenderedMessage(role="user", content=fallback),)
    try:
        said = [(each["role"], each["content"]) for each in fallback]
    except (TypeError, KeyError, AttributeError):
        said = []
    if not said or not all(isinstance(part, str) for pair in said for part in pair):
        raise ValidationError(
            "fallback must be a text, or a list of messages with role and content", reasons.INVALID_REQUEST
        )
    return tuple(RenderedMessage(role=role, content=content) for role, content in said)


def answered(prompt_id: str, messages: tuple[RenderedMessage, ...], error: PromptOpsError) -> RenderResponse:
    """Return the answer that these words are, with why they had to be."""
    return RenderResponse(
        prompt_id=prompt_id,
        version="",
        digest="",
        rendered_content="\n\n".join(message["content"] for message in messages),
        messages=messages,
        parameters={},
        variables_used=(),
        cache_hit=False,
        source="fallback",
        age_seconds=0.0,
        stale=True,
        processing_time_ms=0.0,
        warnings=(Warning(reasons.FALLBACK, f"the application's own words: {error.error_code}: {error}"),),
        render_id="",
    )
