"""The decision about one Prompt: what to create, say, serve and delete."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from promptops.api import reasons
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.findings import Finding
from promptops.domain.manifests import metadata, name_of, parse, spec_of, uid_of
from promptops.domain.reconcile.candidates import Candidate, Candidates
from promptops.domain.reconcile.decision import Decision, decide
from promptops.domain.reconcile.entry import entry_of
from promptops.domain.reconcile.history import history_of
from promptops.domain.reconcile.memory import Memory
from promptops.domain.reconcile.problem import Problem
from promptops.domain.reconcile.progress import NOTHING, progress_of
from promptops.domain.reconcile.pruning import too_many
from promptops.domain.reconcile.source import Sourced, new_version, read_source
from promptops.domain.reconcile.status import previous_of, status_of_prompt, transitions_of
from promptops.domain.snapshot import Manifest, PromptOutcome, PromptSnapshot
from promptops.domain.versions import highest

UNSETTLED_SECONDS = 1.0
"""How soon to look again while objects keep arriving."""


@dataclass(frozen=True)
class _Case:
    """A snapshot, read."""

    snapshot: PromptSnapshot
    spec: PromptSpec | None
    wrong: Finding | None
    memory: Memory
    candidates: Candidates

    @classmethod
    def of(cls, snapshot: PromptSnapshot) -> "_Case":
        prompt = snapshot.prompt
        spec, findings = parse(PromptSpec, spec_of(prompt), "spec")
        candidates = Candidates.of(snapshot.versions, name_of(prompt), uid_of(prompt))
        return cls(snapshot, spec, next(iter(findings), None), Memory.of(prompt), candidates)

    @cached_property
    def sourced(self) -> Sourced | None:
        if self.spec is None:
            return None
        return read_source(self.snapshot.prompt, self.spec, self.snapshot.config_map)

    def pruned(self, decision: Decision) -> tuple[Candidate, ...]:
        in_use = (decision.stable, previous_of(decision, self.memory))
        return too_many(self.spec, self.candidates, in_use, self.sourced)


def decide_prompt(snapshot: PromptSnapshot, now: datetime) -> PromptOutcome:
    """Decide about one Prompt. Deciding again on the status that was written comes to the same."""
    case = _Case.of(snapshot)
    if metadata(snapshot.prompt).get("deletionTimestamp"):
        return _frozen(case)
    if snapshot.tenant is None:
        return _not_admitted(case, now)
    if created := new_version(snapshot.prompt, case.sourced, case.candidates, case.memory.latest_version):
        return PromptOutcome(create=(created,))
    decision = decide(snapshot, case.spec, case.wrong, case.sourced, case.candidates, now)
    if not snapshot.settled and not decision.moved and _awaits_arrival(decision):
        return _unannounced(case)
    return _decided(case, decision, now)


def _decided(case: _Case, decision: Decision, now: datetime) -> PromptOutcome:
    snapshot, memory = case.snapshot, case.memory
    progress = progress_of(decision, memory, snapshot, now)
    pruned = case.pruned(decision)
    status = status_of_prompt(
        snapshot.prompt,
        decision,
        progress,
        memory,
        history_of(snapshot, case.spec, decision, memory),
        _numbers(case, pruned),
        now,
    )
    entry, blobs = entry_of(
        snapshot.prompt, decision, memory, case.candidates, frozenset(each.number for each in pruned)
    )
    bookkeeping_only = not snapshot.settled and _without_bookkeeping(status) == _without_bookkeeping(memory.status)
    return PromptOutcome(
        status=None if bookkeeping_only else status,
        entry=entry,
        blobs=blobs,
        prune=tuple(each.manifest for each in pruned),
        transitions=tuple(transitions_of(decision, progress, memory)),
        look_again_seconds=UNSETTLED_SECONDS if bookkeeping_only else progress.look_again_seconds,
    )


def _numbers(case: _Case, pruned: tuple[Candidate, ...]) -> tuple[int, str | None]:
    """Count as if what is to be deleted were gone: its deletion then changes nothing."""
    gone = {each.number for each in pruned} | {each.number for each in case.candidates.own if each.is_going}
    latest = highest((case.memory.latest_version, *case.candidates.numbers()))
    return len(case.candidates.own) - len(gone), latest


def _without_bookkeeping(status: Manifest) -> Manifest:
    return {key: value for key, value in status.items() if key not in ("versionCount", "latestVersion")}


def _awaits_arrival(decision: Decision) -> bool:
    return decision.problem is not None and decision.problem.waits_for == "arrival"


def _as_decided_before(case: _Case, withheld: Problem | None = None) -> Decision:
    memory = case.memory
    return Decision(
        revision=memory.revision,
        decided_at=memory.decided_at,
        stable=memory.stable,
        ids=memory.ids,
        disabled=memory.disabled,
        problem=withheld,
        moved=False,
        held=memory.stable is not None and case.candidates.compiled(memory.stable.digest) is None,
        deprecated=False,
        follows_source=False,
        withheld=withheld is not None,
    )


def _unannounced(case: _Case) -> PromptOutcome:
    """What is missing may be on its way: go on with what status says, and say nothing yet."""
    entry, blobs = entry_of(case.snapshot.prompt, _as_decided_before(case), case.memory, case.candidates, frozenset())
    return PromptOutcome(entry=entry, blobs=blobs, look_again_seconds=UNSETTLED_SECONDS)


def _frozen(case: _Case) -> PromptOutcome:
    """A Prompt that is being deleted serves on as decided until it is gone; nothing is made, said or pruned for it."""
    entry, blobs = entry_of(case.snapshot.prompt, _as_decided_before(case), case.memory, case.candidates, frozenset())
    return PromptOutcome(entry=entry, blobs=blobs)


def _not_admitted(case: _Case, now: datetime) -> PromptOutcome:
    """Nobody may serve from the namespace. What was decided stays in status, to be taken up again."""
    snapshot, memory = case.snapshot, case.memory
    if not snapshot.settled and memory.stable is None:
        return PromptOutcome(look_again_seconds=UNSETTLED_SECONDS)
    message = "no Tenant claims the namespace: ask the platform team to add it to a Tenant's spec.namespaces"
    decision = _as_decided_before(case, Problem(reasons.TENANT_UNKNOWN, message, "arrival"))
    status = status_of_prompt(
        snapshot.prompt,
        decision,
        NOTHING,
        memory,
        [dict(each) for each in memory.history],
        _numbers(case, ()),
        now,
    )
    return PromptOutcome(status=status, transitions=tuple(transitions_of(decision, NOTHING, memory)))
