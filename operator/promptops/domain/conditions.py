"""kstatus conditions as plain JSON: `lastTransitionTime` moves only when `status` does."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from promptops.api.v1alpha1.schema import MAX_MESSAGE_CHARACTERS
from promptops.domain.bounds import cut
from promptops.domain.manifests import Manifest


@dataclass(frozen=True)
class Statement:
    """What should be said about one aspect of an object."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    observed_generation: int


def conditions_of(wanted: Iterable[Statement], before: Iterable[Manifest], now: datetime) -> list[dict[str, Any]]:
    """Return exactly the wanted conditions, in their order, cut to what the schema takes; transition times come from `before`."""
    known = tuple(before)
    return [_written(condition, find(known, condition.type), now) for condition in wanted]


def find(conditions: Iterable[Manifest], condition_type: str) -> Manifest | None:
    """Return the condition of a type, or None."""
    return next((each for each in conditions if each.get("type") == condition_type), None)


def timestamp(moment: datetime) -> str:
    """Write a moment as Kubernetes does: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(written: str) -> datetime | None:
    """Read a timestamp; None when it is not one."""
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _written(condition: Statement, before: Manifest | None, now: datetime) -> dict[str, Any]:
    unmoved = before is not None and before.get("status") == condition.status
    since = str(before.get("lastTransitionTime") or "") if before is not None and unmoved else ""
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": cut(condition.message, MAX_MESSAGE_CHARACTERS),
        "lastTransitionTime": since or timestamp(now),
        "observedGeneration": condition.observed_generation,
    }
