"""What is served from now on: the wanted version, or the last good one with the reason why not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from promptops.api import reasons
from promptops.api.feed import VersionReference
from promptops.domain.conditions import timestamp
from promptops.domain.content.assessment import GOING
from promptops.domain.findings import Finding, listed, shortened
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.fallback import fall_back, still_there
from promptops.domain.reconcile.identity import ids_of
from promptops.domain.reconcile.memory import NO_LAST_RESORT, LastResort, Memory
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.reconcile.projections import NO_PROJECTION, ProjectionState, project
from promptops.domain.reconcile.target import choose, desired_number, nothing_asked, refused_creation
from promptops.domain.reconcile.values import Filling, fill, max_staleness
from promptops.domain.reconcile.versions import Version


@dataclass(frozen=True)
class Decision:
    """What one Prompt serves, and what keeps its spec from being in force."""

    revision: int
    decided_at: str
    stable: VersionReference | None
    ids: tuple[str, ...]
    disabled: bool
    problem: Obstacle | None
    moved: bool
    """Followers get something new: the revision is one that nobody has been offered."""
    held: bool
    """The content cannot be compiled any more; those who hold it go on."""
    desired: str | None = None
    """The number that the spec asks for."""
    remarks: tuple[str, ...] = ()
    """What is worth saying although the spec is in force; the first names the state."""
    deprecated: bool = False
    warnings: tuple[Finding, ...] = ()
    """What the author of the served content probably did not mean."""
    values: str = ""
    """What comes from outside the versions, as JSON."""
    max_staleness_seconds: int = 0
    """How long renders go on unconfirmed; 0: as long as it is held."""
    fallback: LastResort = NO_LAST_RESORT
    """What stands in for what is served."""
    projection: ProjectionState = NO_PROJECTION
    """What ConfigMaps say of it."""
    withheld: bool = False
    """Decided, and not served because the namespace belongs to nobody."""


def decide(case: Case, now: datetime) -> Decision:
    """Choose what to serve. A spec that cannot be read changes nothing but the kill switch."""
    memory, wanted = case.memory, choose(case)
    ids, conflict = ids_of(case.prompt, case.snapshot.rivals) if case.spec is not None else (memory.ids, None)
    stable = wanted.reference if isinstance(wanted, Version) else memory.stable
    filling = fill(case, stable)
    resumed = memory.condition("Converged").reason == reasons.NOTHING_SERVED
    bound = max_staleness(case)
    falling = fall_back(case, stable)
    decided = (stable, ids, case.is_disabled, filling.json, bound, falling.to)
    changed = decided != _before(memory)
    moved = stable is not None and (changed or resumed)
    projection = project(case, stable, filling.json, moved=moved)
    problems = (
        conflict,
        wanted if isinstance(wanted, Obstacle) else None,
        case.sourced.problem if case.sourced else None,
        refused_creation(case),
        filling.problem,
        falling.problem,
        projection.problem,
    )
    return Decision(
        revision=memory.revision + moved,
        decided_at=timestamp(now) if moved else memory.decided_at,
        stable=stable,
        ids=ids,
        disabled=case.is_disabled,
        problem=_most_urgent(problems),
        moved=moved,
        held=_is_held(case, stable),
        desired=desired_number(case, wanted),
        remarks=(*_remarks(case, wanted), *_of_values(filling), *falling.remarks),
        deprecated=isinstance(wanted, Version) and wanted.lifecycle == "Deprecated",
        warnings=wanted.warnings if isinstance(wanted, Version) else (),
        values=filling.json,
        max_staleness_seconds=bound,
        fallback=falling.to,
        projection=projection,
    )


def _before(memory: Memory) -> tuple[object, ...]:
    bound = memory.max_staleness_seconds
    return memory.stable, memory.ids, memory.disabled, memory.values, bound, memory.fallback


def _of_values(filling: Filling) -> Iterator[str]:
    if filling.unfilled:
        names = shortened(filling.unfilled)
        yield f"no values fill {names}, which callers have to give: see spec.valuesFrom"


def _remarks(case: Case, wanted: Version | Obstacle | None) -> Iterator[str]:
    if wanted is None:
        yield nothing_asked(case)
    if not isinstance(wanted, Version):
        return
    if wanted.lifecycle == "Deprecated":
        yield f"version {wanted.number} is active although it is deprecated: activate a newer one"
    for state in ("Deprecated", "Archived", GOING):
        if names := wanted.included(state):
            yield f"version {wanted.number} includes what is {state.lower()}, {shortened(names)}: include newer ones"
    if case.sourced is not None and case.sourced.digest not in (None, wanted.digest):
        yield _source_differs(case, wanted)
    if wanted.warnings:
        yield f"check version {wanted.number}: {listed(wanted.warnings)}"


def _source_differs(case: Case, pinned: Version) -> str:
    same = case.versions.with_digest(case.sourced.digest or "") if case.sourced else ()
    advice = f"set spec.activeVersion to {same[0].number}, or " if same else ""
    return (
        f"spec.source has other content, which is not served while spec.activeVersion names {pinned.number}: "
        f"{advice}remove spec.activeVersion to follow the source"
    )


def as_decided_before(case: Case, withheld: Obstacle | None = None) -> Decision:
    """Return what status says is served, for when nothing new is to be decided."""
    memory = case.memory
    return Decision(
        revision=memory.revision,
        decided_at=memory.decided_at,
        stable=memory.stable,
        ids=memory.ids,
        disabled=memory.disabled,
        problem=withheld,
        moved=False,
        held=_is_held(case, memory.stable),
        desired=memory.desired,
        values=memory.values,
        max_staleness_seconds=memory.max_staleness_seconds,
        fallback=still_there(case, memory.fallback),
        withheld=withheld is not None,
    )


def _is_held(case: Case, stable: VersionReference | None) -> bool:
    return stable is not None and case.versions.compiled(stable) is None


def _most_urgent(problems: tuple[Obstacle | None, ...]) -> Obstacle | None:
    """What only the author can mend comes before what may still arrive."""
    found = [problem for problem in problems if problem]
    return min(found, key=lambda problem: problem.waits_for != "author", default=None)
