"""What a process that renders for itself tells the sidecar it follows: what it renders from, and how many renders came of it. No text, no values."""

from typing import Annotated, Final

import msgspec

from promptops.api.feed import (
    LATENCY_BUCKETS_SECONDS,
    MAX_REPORTED_NACKS,
    MAX_REPORTED_RENDERS,
    Count,
    InstanceName,
    Nack,
    Position,
    ReportedName,
)

INSTANCE_HEADER: Final = "Promptops-Instance"
"""Of GET /v1/stream at a sidecar's socket: who follows, by the name that its reports are from."""
MAX_FAILURE_CODES: Final = 32


class LocalRenders(msgspec.Struct, frozen=True, omit_defaults=True):
    """Renders of one content of one prompt."""

    prompt: ReportedName
    digest: ReportedName
    succeeded: Count = 0
    failures: Annotated[dict[ReportedName, Count], msgspec.Meta(max_length=MAX_FAILURE_CODES)] = {}
    """How many failed by code."""
    fallbacks: Annotated[dict[ReportedName, Count], msgspec.Meta(max_length=MAX_FAILURE_CODES)] = {}
    """Of those that failed, by code, how many were answered with what the prompt declares to stand in for it."""
    spent_us: Count = 0
    """Microseconds that those that succeeded took together."""
    latency_buckets: Annotated[tuple[Count, ...], msgspec.Meta(max_length=len(LATENCY_BUCKETS_SECONDS) + 1)] = ()
    """Of those that succeeded, by LATENCY_BUCKETS_SECONDS, not cumulative; the last one is +Inf."""


class ClientReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Body of POST /v1/reports at a sidecar's socket."""

    instance: InstanceName
    """Drawn by each process, and shown with its stream."""
    number: Count = 0
    """Of `renders`, from 1. They are sent under it until they are taken, and count once. 0: there are none."""
    position: Position | None = None
    """What is rendered from here; null while the sidecar is asked instead."""
    nacks: Annotated[tuple[Nack, ...], msgspec.Meta(max_length=MAX_REPORTED_NACKS)] = ()
    """Prompts of which that is older, for their newest entry could not be taken."""
    renders: Annotated[tuple[LocalRenders, ...], msgspec.Meta(max_length=MAX_REPORTED_RENDERS)] = ()
    """Since the report with the number before."""
    goodbye: bool = False


class ClientReportAnswer(msgspec.Struct, frozen=True):
    """Answer of POST /v1/reports at a sidecar's socket."""

    number: Count
    """Of the last renders that were counted of this instance; 0: none yet."""
