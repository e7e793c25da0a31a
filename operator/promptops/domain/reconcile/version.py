"""The decision about one PromptVersion: its digest, whether it may be served, and whether it is."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from promptops.api import reasons
from promptops.api.v1alpha1.prompt_version import PromptVersionStatus, VersionGrade, VersionPhase
from promptops.domain.conditions import Statement, conditions_of, find
from promptops.domain.content.grade import grade
from promptops.domain.content.numbers import parse_number
from promptops.domain.findings import Finding, listed, shortened
from promptops.domain.manifests import Manifest, generation_of, name_of, uid_of
from promptops.domain.ownership import belongs, prompt_of
from promptops.domain.reconcile.memory import Memory
from promptops.domain.reconcile.versions import Version
from promptops.domain.snapshot import Transition, VersionOutcome, VersionSnapshot
from promptops.domain.statuses import said_of_version, written

MOST_BELOW = 8
"""A version is compared with the first of so many below it that may be served."""
_LIFECYCLE: Mapping[str, VersionPhase] = {"Deprecated": "Deprecated", "Archived": "Archived"}
"""What spec.lifecycle says in the place of a phase."""


def decide_version(snapshot: VersionSnapshot, now: datetime) -> VersionOutcome:
    """Decide about one PromptVersion, after its Prompt. The digest that was seen first for the object stays."""
    version = Version(snapshot.version, snapshot.assess)
    prompt = _own_prompt(snapshot)
    memory = Memory.of(prompt) if prompt is not None else None
    is_served = memory is not None and memory.stable == version.reference
    is_fallback = memory is not None and memory.fallback.version == version.reference
    in_use = is_served or is_fallback or bool(snapshot.included_by)
    before = said_of_version(snapshot.version)
    generation = generation_of(snapshot.version)
    ready = _ready(version, snapshot, prompt, generation)
    # Nothing but another version can help: who waits for this one is told at once, not at a timeout.
    # So is he who sees it lose what it was whole with.
    is_lost = version.problem is not None and (not version.awaits or bool(version.recorded))
    is_hopeless = is_lost or version.failure is not None
    stalled = (replace(ready, type="Stalled", status="True"),) if is_hopeless else ()
    once_active = _was_active(version, memory, before)
    including = () if is_served else snapshot.included_by
    wanted = (ready, _in_use(version, is_served, is_fallback, once_active, including, generation), *stalled)
    graded, against = _graded(version, prompt, snapshot, before)
    status = PromptVersionStatus.model_construct(
        observed_generation=generation,
        digest=before.digest or version.digest,
        phase=_phase(version, prompt, in_use, once_active, snapshot),
        grade=graded,
        graded_against=against,
        tests=version.assessment.trial.status() if version.assessment.trial else None,
        conditions=conditions_of(wanted, before.conditions, now),
    )
    return VersionOutcome(written(status), tuple(_transitions(version, before)))


def _transitions(version: Version, before: PromptVersionStatus) -> Iterator[Transition]:
    """What its author should hear once: it never changes."""
    if before.conditions:
        return
    if (wrong := version.problem or version.failure) is not None:
        yield Transition("Warning", wrong.reason, wrong.sentence)
    elif version.warnings:
        yield Transition("Warning", version.warnings[0].reason, listed(version.warnings))


def _own_prompt(snapshot: VersionSnapshot) -> Manifest | None:
    prompt = snapshot.prompt
    if prompt is None or not belongs(snapshot.version, name_of(prompt), uid_of(prompt)):
        return None
    return prompt


def _phase(
    version: Version, prompt: Manifest | None, in_use: bool, once_active: bool, snapshot: VersionSnapshot
) -> VersionPhase:
    if version.problem is not None:
        return "Pending" if version.awaits else "Invalid"
    if snapshot.prompt is not None and prompt is None:
        return "Pending"
    if (ended := _LIFECYCLE.get(version.lifecycle)) is not None:
        return ended
    if in_use:
        return "Active"
    if version.failure is not None:
        return "Invalid"
    return "Superseded" if once_active else "Draft"


def _graded(
    version: Version, prompt: Manifest | None, snapshot: VersionSnapshot, before: PromptVersionStatus
) -> tuple[VersionGrade | None, str | None]:
    """Compare it with the nearest sound version below it. When that is gone, what was found stays."""
    found, against = before.grade, parse_number(before.graded_against or "")
    if prompt is None or not version.sound:
        return found, before.graded_against
    for below in (Version(each, snapshot.assess) for each in snapshot.below):
        number = parse_number(below.number)
        if number is None or (found and against and against >= number):
            break
        if below.sound and belongs(below.manifest, name_of(prompt), uid_of(prompt)):
            return grade(below.content, version.content), below.number
    return found, before.graded_against


def _was_active(version: Version, memory: Memory | None, before: PromptVersionStatus) -> bool:
    """Whether it was ever served, as its own status says, which outlasts the prompt's history."""
    said = find(before.conditions, "InUse")
    if said.status == "True" or said.reason == reasons.SUPERSEDED:
        return True
    # What has no digest, its include not being there yet perhaps, was served by nobody.
    return (
        memory is not None and version.digest is not None and memory.digest_served_as(version.number) == version.digest
    )


def _ready(version: Version, snapshot: VersionSnapshot, prompt: Manifest | None, generation: int) -> Statement:
    problem: Finding | None = version.problem
    if problem is not None:
        advice = "" if version.awaits else "; versions never change: correct it in a new one"
        message = f"{problem.sentence}{advice}"
        return Statement("Ready", "False", problem.reason, message, generation)
    if (failure := version.failure) is not None:
        message = f"{failure.sentence}; versions never change: create a new one with other content or other tests"
        return Statement("Ready", "False", failure.reason, message, generation)
    if snapshot.prompt is not None and prompt is None:
        message = f'it is owned by another object than prompt "{prompt_of(snapshot.version)}" and goes with that one'
        return Statement("Ready", "False", reasons.VERSION_OF_OTHER_PROMPT, message, generation)
    message = (
        "it is archived: who serves it goes on, and nobody else begins to"
        if version.lifecycle == "Archived"
        else "it may be served"
    )
    if version.warnings:
        message += f"; check: {listed(version.warnings)}"
    return Statement("Ready", "True", reasons.AVAILABLE, message, generation)


def _in_use(
    version: Version,
    is_served: bool,
    is_fallback: bool,
    once_active: bool,
    including: tuple[str, ...],
    generation: int,
) -> Statement:
    name = prompt_of(version.manifest)
    if including:
        message = f"served as a part of {shortened(including)}"
        return Statement("InUse", "True", reasons.INCLUDED, message, generation)
    if is_fallback and not is_served:
        message = f'stands in for what prompt "{name}" serves'
        return Statement("InUse", "True", reasons.FALLBACK, message, generation)
    if is_served:
        return Statement("InUse", "True", reasons.IN_USE, f'prompt "{name}" serves it', generation)
    if once_active:
        return Statement("InUse", "False", reasons.SUPERSEDED, "it was served, and is no more", generation)
    return Statement("InUse", "False", reasons.NOT_IN_USE, f'prompt "{name}" does not serve it', generation)
