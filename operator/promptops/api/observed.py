"""What a sidecar tells of its renders: statistics, events, and what callers thought of an answer. No text, no values."""

from typing import Annotated, Final, Literal

import msgspec

Outcome = Literal["success", "failure"]
MAX_RENDER_ID_CHARACTERS = 120

ACTIVATED: Final = "prompt.activated"
ROLLED_BACK: Final = "prompt.rolled_back"
RELOADED: Final = "prompt.reloaded"
DISABLED: Final = "prompt.disabled"
ENABLED: Final = "prompt.enabled"
REMOVED: Final = "prompt.removed"
REQUESTED: Final = "prompt.requested"
COMPLETED: Final = "prompt.completed"
FAILED: Final = "prompt.failed"
CHANGES: Final = (ACTIVATED, ROLLED_BACK, RELOADED, DISABLED, ENABLED, REMOVED)
"""What is told of what is served."""
RENDERS: Final = (REQUESTED, COMPLETED, FAILED)
"""What is told of each render: the first and one of the others, under one correlation id."""
EVENT_TYPES: Final = CHANGES + RENDERS


class FeedbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /v1/feedback: what came of a render, as its caller or an evaluation saw it."""

    render_id: Annotated[str, msgspec.Meta(max_length=MAX_RENDER_ID_CHARACTERS)]
    """As the render's answer gave it."""
    outcome: Outcome
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """How good it was, from 0 to 1."""


class FeedbackAnswer(msgspec.Struct, frozen=True):
    """Answer of POST /v1/feedback."""

    prompt: str
    version: str
    digest: str
    counted: bool
    """False when the same render was spoken of before: the first word counts."""


class PromptStatistics(msgspec.Struct, frozen=True):
    """Renders of one prompt since the sidecar started. Times are milliseconds, rates from 0 to 1."""

    prompt: str
    """Its name; empty for renders of what is not held."""
    total: int
    succeeded: int
    failed: int
    average_ms: float
    p95_ms: float
    p99_ms: float
    cache_hit_rate: float
    error_rate: float
    failures: dict[str, int]
    """How many failed by code."""
    fallbacks: int
    """How many of those were answered with the fallback that the prompt declares."""
    feedback_success: int
    feedback_failure: int
    score_average: float | None
    """Of the feedback that had a score; null without any."""


class Statistics(msgspec.Struct, frozen=True):
    """Answer of GET /v1/stats."""

    seconds: float
    """For how long it has been counted."""
    total: int
    succeeded: int
    failed: int
    prompts: tuple[PromptStatistics, ...]
    """Sorted by name; those of which a render was asked for."""


class PromptEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of GET /v1/events, and of a client's subscription."""

    type: str
    """One of EVENT_TYPES."""
    at: str
    """When, RFC 3339."""
    tenant: str
    prompt_id: str
    """As it was asked for; of a change, the prompt's name."""
    version: str | None = None
    digest: str | None = None
    previous_version: str | None = None
    """Of a change: what was served before."""
    correlation_id: str | None = None
    """Of a render: the same in all its events, and the caller's Promptops-Request-Id where it sent one."""
    variables: tuple[str, ...] = ()
    """Of a render: the names of the variables that were given. Never values."""
    code: str | None = None
    """Of a render that failed: why. `Fallback`: it was answered with the fallback that the prompt declares."""
    duration_ms: float | None = None


class Missed(msgspec.Struct, frozen=True):
    """Event `missed`: so many events were not sent because they were not read fast enough."""

    count: int
