"""kstatus conditions: `lastTransitionTime` moves only when `status` does."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from promptops.api.v1alpha1.schema import MAX_MESSAGE_CHARACTERS, Condition
from promptops.domain.bounds import cut


@dataclass(frozen=True)
class Statement:
    """What should be said about one aspect of an object."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    observed_generation: int


UNSAID = Condition.model_construct(
    type="", status="Unknown", reason="", message="", last_transition_time="", observed_generation=0
)
"""A condition that is not there."""


def conditions_of(
    wanted: Iterable[Statement], before: Iterable[Condition] | None, now: datetime
) -> tuple[Condition, ...]:
    """Return exactly the wanted conditions, in their order, cut to what the schema takes; transition times come from `before`."""
    known = tuple(before or ())
    return tuple(_stated(statement, find(known, statement.type), now) for statement in wanted)


def find(conditions: Iterable[Condition] | None, condition_type: str) -> Condition:
    """Return the condition of a type, UNSAID when it is not there."""
    return next((each for each in conditions or () if each.type == condition_type), UNSAID)


def timestamp(moment: datetime) -> str:
    """Write a moment as Kubernetes does: UTC, whole seconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def moment(written: str) -> datetime | None:
    """Read a timestamp; None when it is not one."""
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _stated(statement: Statement, before: Condition, now: datetime) -> Condition:
    since = before.last_transition_time if before.status == statement.status else ""
    return Condition.model_construct(
        type=statement.type,
        status=statement.status,
        reason=statement.reason,
        message=cut(statement.message, MAX_MESSAGE_CHARACTERS),
        last_transition_time=since or timestamp(now),
        observed_generation=statement.observed_generation,
    )
