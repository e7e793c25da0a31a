"""What is served from now on: the wanted version, or the last good one with the reason why not."""

from dataclasses import dataclass
from datetime import datetime

from promptops.api import reasons
from promptops.api.feed import VersionReference
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.conditions import timestamp
from promptops.domain.findings import Finding
from promptops.domain.manifests import spec_of
from promptops.domain.reconcile.candidates import Candidate, Candidates
from promptops.domain.reconcile.identity import ids_of
from promptops.domain.reconcile.memory import Memory
from promptops.domain.reconcile.problem import Problem
from promptops.domain.reconcile.source import Sourced
from promptops.domain.reconcile.target import Choice, choose
from promptops.domain.snapshot import PromptSnapshot


@dataclass(frozen=True)
class Decision:
    """What one Prompt serves, and what keeps its spec from being in force."""

    revision: int
    decided_at: str
    stable: VersionReference | None
    ids: tuple[str, ...]
    disabled: bool
    problem: Problem | None
    moved: bool
    """Followers get something new: the revision is one that nobody has been offered."""
    held: bool
    """The content cannot be compiled any more; those who hold it go on."""
    deprecated: bool
    follows_source: bool
    withheld: bool = False
    """Decided, and not served because the namespace belongs to nobody."""


def decide(
    snapshot: PromptSnapshot,
    spec: PromptSpec | None,
    wrong: Finding | None,
    sourced: Sourced | None,
    candidates: Candidates,
    now: datetime,
) -> Decision:
    """Choose what to serve. A spec that cannot be read changes nothing but the kill switch."""
    memory = Memory.of(snapshot.prompt)
    disabled = spec_of(snapshot.prompt).get("disabled") is True
    if spec is None:
        wanted: Candidate | Problem = Problem(wrong.reason, wrong.sentence) if wrong else _UNREADABLE
        follows, ids, conflict = False, memory.ids, None
    else:
        ids, conflict = ids_of(snapshot.prompt, snapshot.rivals)
        choice = Choice(snapshot.prompt, spec, memory, candidates, sourced)
        wanted, follows = choose(choice), choice.follows_source
    stable = memory.stable if isinstance(wanted, Problem) else wanted.reference
    problems = (
        conflict,
        wanted if isinstance(wanted, Problem) else None,
        sourced.problem if sourced else None,
    )
    served = (stable, ids, disabled)
    resumed = memory.condition("Converged").get("reason") == reasons.NOTHING_SERVED
    moved = stable is not None and (resumed or served != (memory.stable, memory.ids, memory.disabled))
    return Decision(
        revision=memory.revision + moved,
        decided_at=timestamp(now) if moved else memory.decided_at,
        stable=stable,
        ids=ids,
        disabled=disabled,
        problem=_most_urgent(problems),
        moved=moved,
        held=stable is not None and candidates.compiled(stable.digest) is None,
        deprecated=isinstance(wanted, Candidate) and wanted.lifecycle == "Deprecated",
        follows_source=follows,
    )


def _most_urgent(problems: tuple[Problem | None, ...]) -> Problem | None:
    """What only the author can mend comes before what may still arrive."""
    found = [problem for problem in problems if problem]
    return min(found, key=lambda problem: problem.waits_for != "author", default=None)


_UNREADABLE = Problem(reasons.INVALID_SPEC, "spec cannot be read")
