"""The decision about one Prompt: what to create, say, serve and delete."""

from datetime import datetime

from promptops.api import reasons
from promptops.domain.manifests import Manifest, metadata
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.decision import Decision, as_decided_before, decide
from promptops.domain.reconcile.entry import entry_of
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.reconcile.progress import NOTHING, progress_of
from promptops.domain.reconcile.rules import too_many
from promptops.domain.reconcile.source import new_version
from promptops.domain.reconcile.status import previous_of, status_of_prompt, transitions_of
from promptops.domain.snapshot import PromptOutcome, PromptSnapshot

UNSETTLED_SECONDS = 1.0
"""How soon to look again while objects keep arriving."""


def decide_prompt(snapshot: PromptSnapshot, now: datetime) -> PromptOutcome:
    """Decide about one Prompt. Deciding again on the status that was written comes to the same."""
    case = Case.of(snapshot)
    if metadata(snapshot.prompt).get("deletionTimestamp"):
        return _frozen(case)
    if snapshot.tenant is None:
        return _not_admitted(case, now)
    created = new_version(case.prompt, case.sourced, case.versions, case.memory)
    if created is not None and (snapshot.refused is None or snapshot.refused.spec != created["spec"]):
        return PromptOutcome(create=(created,))
    decision = decide(case, now)
    if not snapshot.settled and not decision.moved and _may_arrive(decision):
        return _unannounced(case)
    return _decided(case, decision, now)


def as_written(snapshot: PromptSnapshot) -> PromptOutcome:
    """Return what status says is served, deciding nothing anew: for a leader whose decision cannot be written yet."""
    return PromptOutcome() if snapshot.tenant is None else _frozen(Case.of(snapshot))


def _decided(case: Case, decision: Decision, now: datetime) -> PromptOutcome:
    progress = progress_of(case, decision, now)
    pruned = too_many(case, (decision.stable, previous_of(case, decision), decision.fallback.version))
    status = status_of_prompt(case, decision, progress, pruned, now)
    entry, contents = entry_of(case, decision, pruned)
    # That another version exists can wait for the next write or for quiet: many may be arriving.
    can_wait = not case.snapshot.settled and _without_counts(status) == _without_counts(case.memory.status)
    return PromptOutcome(
        status=None if can_wait else status,
        entry=entry,
        contents=contents,
        projecting=decision.projection.wanted,
        prune=tuple(each.manifest for each in pruned),
        transitions=tuple(transitions_of(case, decision, progress)),
        missing=decision.problem.missing if decision.problem else None,
        look_again_seconds=UNSETTLED_SECONDS if can_wait else progress.look_again_seconds,
    )


def _without_counts(status: Manifest) -> Manifest:
    return {key: value for key, value in status.items() if key not in ("versionCount", "latestVersion")}


def _may_arrive(decision: Decision) -> bool:
    problem = decision.problem
    return problem is not None and (problem.waits_for == "arrival" or problem.missing is not None)


def _unannounced(case: Case) -> PromptOutcome:
    """What is missing may be on its way: go on with what status says, and say nothing yet."""
    entry, contents = entry_of(case, as_decided_before(case))
    return PromptOutcome(entry=entry, contents=contents, look_again_seconds=UNSETTLED_SECONDS)


def _frozen(case: Case) -> PromptOutcome:
    """Serve on as decided; nothing is made, said or pruned. So does a Prompt that is being deleted, until it is gone."""
    entry, contents = entry_of(case, as_decided_before(case))
    return PromptOutcome(entry=entry, contents=contents)


def _not_admitted(case: Case, now: datetime) -> PromptOutcome:
    """Nobody may serve from the namespace. What was decided stays in status, to be taken up again."""
    if not case.snapshot.settled and case.memory.stable is None:
        return PromptOutcome(look_again_seconds=UNSETTLED_SECONDS)
    message = "no Tenant claims the namespace: ask the platform team to add it to a Tenant's spec.namespaces"
    decision = as_decided_before(case, Obstacle(reasons.TENANT_UNKNOWN, message, "arrival"))
    return PromptOutcome(
        status=status_of_prompt(case, decision, NOTHING, (), now),
        transitions=tuple(transitions_of(case, decision, NOTHING)),
    )
