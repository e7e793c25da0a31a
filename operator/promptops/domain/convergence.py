"""Which instances serve the published decision, from their own reports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from promptops.api.feed import LOST_SECONDS, Position
from promptops.domain.manifests import Manifest, mapping, status_of, whole
from promptops.domain.snapshot import ServedObservation

FORGOTTEN_SECONDS = 300.0
"""An instance that was silent for this long counts no more."""
WARM_UP_SECONDS = 30.0
"""How long a new leader hears from fewer instances than there are."""


@dataclass(frozen=True)
class Instance:
    """One follower, as its last report describes it."""

    instance: str
    position: Position | None
    last_seen: float
    """Monotonic seconds."""
    pod_uid: str | None = None
    nacks: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Prompt's name → uid and revision of the entry that it could not take."""
    goodbye: bool = False


def served(
    name: str,
    uid: str,
    revision: int,
    changed_at: Position | None,
    instances: Iterable[Instance],
    now_monotonic: float,
) -> ServedObservation:
    """Count who serves a Prompt's revision: alive, at or beyond the position that brought it, and not nacking it."""
    ready = total = lost = 0
    for instance in instances:
        silent = now_monotonic - instance.last_seen
        if instance.goodbye or silent >= FORGOTTEN_SECONDS:
            continue
        total += 1
        if silent >= LOST_SECONDS:
            lost += 1
        elif _serves(instance, name, uid, revision, changed_at):
            ready += 1
    return ServedObservation(ready=ready, total=total, lost=lost)


def _serves(instance: Instance, name: str, uid: str, revision: int, changed_at: Position | None) -> bool:
    if changed_at is None or instance.position is None or instance.position < changed_at:
        return False
    return instance.nacks.get(name) != (uid, revision)


def believable(observation: ServedObservation, prompt: Manifest, leader_for: float) -> ServedObservation | None:
    """Return what may be said of an observation: nothing, while a new leader has not yet heard from all that status counts.

    An instance that was heard of may still hold what the leader before published: nor is it said then that fewer serve.
    """
    told = mapping(status_of(prompt).get("served"))
    heard_all = observation.total >= max(1, whole(told.get("total"))) and observation.ready >= whole(told.get("ready"))
    if leader_for < WARM_UP_SECONDS and not heard_all:
        return None
    return observation
