"""A Prompt's status and Events, put together from the decision and how far it has come."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from promptops.api import reasons
from promptops.api.feed import VersionReference
from promptops.api.v1alpha1 import prompt_status as kind
from promptops.domain.conditions import Statement, conditions_of
from promptops.domain.content.canonical import digest_of
from promptops.domain.content.numbers import highest
from promptops.domain.findings import listed
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.decision import Decision
from promptops.domain.reconcile.history import history_of, reason_of
from promptops.domain.reconcile.memory import NO_LAST_RESORT, LastResort
from promptops.domain.reconcile.progress import ConvergenceProgress
from promptops.domain.reconcile.versions import Version
from promptops.domain.snapshot import Transition
from promptops.domain.statuses import written


def status_of_prompt(
    case: Case, decision: Decision, progress: ConvergenceProgress, pruned: tuple[Version, ...], now: datetime
) -> dict[str, Any]:
    """Return the whole status; what is absent is not true or never happened."""
    wanted = _conditions(decision, progress, case.generation)
    count, latest = _numbers(case, pruned)
    return written(
        kind.PromptStatus.model_construct(
            observed_generation=case.generation,
            phase=phase_of(decision, progress),
            desired=decision.desired,
            source=_source(case),
            serving=_serving(decision),
            values=_values(decision),
            previous=_reference(previous_of(case, decision)),
            served=progress.served,
            version_count=count,
            latest_version=latest,
            history=history_of(case, decision) or None,
            conditions=conditions_of(wanted, case.memory.conditions, now),
        )
    )


def _source(case: Case) -> kind.SourceStatus | None:
    """What the source says now: after an edit of a ConfigMap there is no generation to wait for."""
    sourced = case.sourced
    if sourced is None:
        return None
    same = case.versions.with_digest(sourced.digest) if sourced.digest is not None else ()
    number = same[0].number if same else None
    return kind.SourceStatus.model_construct(digest=sourced.digest, version=number, key_digest=sourced.key_digest)


def _numbers(case: Case, pruned: tuple[Version, ...]) -> tuple[int, str | None]:
    """Count as if what is to be deleted were gone: its deletion then changes nothing."""
    gone = {each.number for each in pruned} | {each.number for each in case.versions.own if each.is_going}
    latest = highest((case.memory.latest_version, *case.versions.numbers()))
    return len(case.versions.own) + case.snapshot.more_versions - len(gone), latest


def previous_of(case: Case, decision: Decision) -> VersionReference | None:
    """Return what was served before what is served from now on."""
    memory = case.memory
    changed = memory.stable is not None and decision.stable != memory.stable
    return memory.stable if changed else memory.previous


def phase_of(decision: Decision, progress: ConvergenceProgress) -> kind.Phase:
    """Return one word for a column."""
    if decision.stable is None or decision.withheld:
        return "Pending"
    if decision.problem is not None or progress.reason == reasons.LAGGING:
        return "Degraded"
    if decision.disabled:
        return "Disabled"
    return "Progressing" if progress.reconciling or decision.projection.is_under_way else "Healthy"


def ready_of(decision: Decision, generation: int) -> Statement:
    """Return whether the spec is in force, and if not what to do about it."""
    if decision.problem is not None:
        message = f"{decision.problem.message}{_what_serves(decision)}"
        return Statement("Ready", "False", decision.problem.reason, message, generation)
    if decision.stable is None:
        return Statement("Ready", "True", reasons.NOTHING_ASKED, "; ".join(decision.remarks), generation)
    version = decision.stable.version
    if decision.disabled:
        message = f"renders answer 409 PromptDisabled until spec.disabled is removed; version {version} is active"
        return Statement("Ready", "True", reasons.DISABLED, message, generation)
    if decision.deprecated:
        return Statement("Ready", "True", reasons.VERSION_DEPRECATED, "; ".join(decision.remarks), generation)
    message = "; ".join((f"version {version} is active", *decision.remarks))
    return Statement("Ready", "True", reasons.ACTIVE, message, generation)


def _what_serves(decision: Decision) -> str:
    if decision.stable is None or decision.withheld:
        return ""
    if decision.held:
        return f"; whoever holds version {decision.stable.version} goes on serving it"
    return f"; version {decision.stable.version} is served"


def _conditions(decision: Decision, progress: ConvergenceProgress, generation: int) -> Iterator[Statement]:
    ready = ready_of(decision, generation)
    yield ready
    yield _converged(ready, progress)
    projected = decision.projection.said
    if projected is not None:
        yield projected
    waits_for = decision.problem.waits_for if decision.problem else None
    if waits_for == "arrival":
        yield Statement("Reconciling", "True", ready.reason, ready.message, generation)
    elif progress.reconciling and waits_for != "author":
        yield Statement("Reconciling", "True", progress.reason, progress.message, generation)
    elif projected is not None and decision.projection.is_under_way and waits_for != "author":
        yield Statement("Reconciling", "True", projected.reason, projected.message, generation)
    if waits_for == "author":
        yield Statement("Stalled", "True", ready.reason, ready.message, generation)


def _converged(ready: Statement, progress: ConvergenceProgress) -> Statement:
    """True only with Ready: whoever waits for Converged after an edit waits for that edit, not for what served before."""
    generation = ready.observed_generation
    if progress.converged and ready.status != "True":
        message = f"what the spec asks for is not in force, see Ready; {progress.message}"
        return Statement("Converged", "False", reasons.NOT_IN_FORCE, message, generation)
    status: Literal["True", "False"] = "True" if progress.converged else "False"
    return Statement("Converged", status, progress.reason, progress.message, generation)


def _serving(decision: Decision) -> kind.Serving | None:
    stable = _reference(decision.stable)
    if stable is None:
        return None
    return kind.Serving.model_construct(
        revision=decision.revision,
        at=decision.decided_at,
        stable=stable,
        ids=decision.ids or None,
        disabled=decision.disabled or None,
        max_staleness_seconds=decision.max_staleness_seconds or None,
        fallback=_fallback(decision.fallback),
    )


def _fallback(last_resort: LastResort) -> kind.FallbackStatus | None:
    if last_resort == NO_LAST_RESORT:
        return None
    version = last_resort.version
    return kind.FallbackStatus.model_construct(
        version=version.version if version else None,
        digest=version.digest if version else None,
        text=last_resort.text or None,
    )


def _values(decision: Decision) -> kind.FilledValues | None:
    filling = decision.values
    return kind.FilledValues.model_construct(digest=digest_of(filling.encode()), json_=filling) if filling else None


def _reference(reference: VersionReference | None) -> kind.VersionReference | None:
    if reference is None:
        return None
    return kind.VersionReference.model_construct(version=reference.version, digest=reference.digest)


def transitions_of(case: Case, decision: Decision, progress: ConvergenceProgress) -> Iterator[Transition]:
    """Return what became the case with this decision, for Events."""
    memory = case.memory
    before, ready = memory.condition("Ready"), ready_of(decision, 0)
    changed = decision.stable is not None and decision.stable != memory.stable
    if changed and decision.stable is not None:
        instead = f" instead of {memory.stable.version}" if memory.stable else ""
        yield Transition("Normal", reason_of(case, decision), f"version {decision.stable.version} is served{instead}")
        if decision.warnings:
            message = f"check version {decision.stable.version}: {listed(decision.warnings)}"
            yield Transition("Warning", decision.warnings[0].reason, message)
    said = (before.status, before.reason)
    if (ready.status, ready.reason) != said and not (changed and ready.reason == reasons.ACTIVE):
        yield Transition("Normal" if ready.status == "True" else "Warning", ready.reason, ready.message)
    if progress.reason == reasons.LAGGING and memory.condition("Converged").reason != reasons.LAGGING:
        yield Transition("Warning", reasons.LAGGING, progress.message)
