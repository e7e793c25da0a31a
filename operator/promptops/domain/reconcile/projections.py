"""What ConfigMaps should say of a Prompt, and what its status says of them."""

from dataclasses import dataclass
from typing import Literal

from promptops.api import reasons
from promptops.api.feed import VersionReference
from promptops.domain.conditions import Statement
from promptops.domain.findings import shortened
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.snapshot import NOT_PROJECTED, Projecting, ProjectionReport

PROJECTED = "Projected"
"""The type of the condition."""


@dataclass(frozen=True)
class ProjectionState:
    """The projections of one Prompt."""

    wanted: Projecting | None = None
    """None: what ConfigMaps say stays."""
    said: Statement | None = None
    """None: there is nothing to say."""
    problem: Obstacle | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a ConfigMap does not say yet what is served, and will."""
        return self.said is not None and self.said.reason == reasons.PROJECTING


NO_PROJECTION = ProjectionState()


def project(case: Case, stable: VersionReference | None, values: str, *, moved: bool) -> ProjectionState:
    """Return what ConfigMaps should say of `stable`, and how far that is. `moved`: nobody was offered this before."""
    wanted = _wanted(case, stable, values)
    if wanted is None:
        return _as_it_was(case, None)
    if not wanted.places:
        return ProjectionState(wanted)
    report = case.snapshot.projected
    if report is not None and report.of == wanted:
        return _reported(case, report)
    known = case.memory.condition(PROJECTED)
    if report is None and not moved and known.observed_generation == case.generation:
        return _as_it_was(case, wanted)
    message = f"{shortened(wanted.config_maps)} will say what version {wanted.version} says"
    return ProjectionState(wanted, _said(case, "False", reasons.PROJECTING, message))


def _wanted(case: Case, stable: VersionReference | None, values: str) -> Projecting | None:
    if case.spec is None:
        return None
    if not case.spec.projections or case.is_disabled or stable is None:
        return NOT_PROJECTED
    if case.versions.compiled(stable) is None:
        return None  # whoever holds the content goes on with it, a ConfigMap as well
    places = tuple(sorted((each.config_map, each.key) for each in case.spec.projections))
    return Projecting(places, stable.digest, stable.version, values)


def _reported(case: Case, report: ProjectionReport) -> ProjectionState:
    if report.reason:
        problem = Obstacle(report.reason, report.message, "author" if report.final else "arrival")
        return ProjectionState(report.of, _said(case, "False", report.reason, report.message), problem)
    names = shortened(report.of.config_maps)
    return ProjectionState(report.of, _said(case, "True", reasons.PROJECTED, f"{names} say what is served"))


def _as_it_was(case: Case, wanted: Projecting | None) -> ProjectionState:
    """What was said stays: a new leader has not looked yet, or nothing can be decided."""
    known = case.memory.condition(PROJECTED)
    if not known.type:
        return ProjectionState(wanted)
    if known.status == "True":
        return ProjectionState(wanted, _said(case, "True", known.reason, known.message))
    said = _said(case, "False", known.reason, known.message)
    if known.reason == reasons.PROJECTING:
        return ProjectionState(wanted, said)
    stalled = case.memory.condition("Stalled").status == "True"
    return ProjectionState(wanted, said, Obstacle(known.reason, known.message, "author" if stalled else "arrival"))


def _said(case: Case, status: Literal["True", "False"], reason: str, message: str) -> Statement:
    return Statement(PROJECTED, status, reason, message, case.generation)
