"""Which version the spec asks for, or why it cannot be served."""

from dataclasses import dataclass

from promptops.api import reasons
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.manifests import name_of, uid_of
from promptops.domain.reconcile.candidates import Candidate, Candidates
from promptops.domain.reconcile.memory import Memory
from promptops.domain.reconcile.problem import Problem
from promptops.domain.reconcile.source import Sourced
from promptops.domain.snapshot import Manifest
from promptops.domain.versions import owner_uids, prompt_of

SHOWN = 5
"""How many versions a message offers."""


@dataclass(frozen=True)
class Choice:
    """What a choice is made from."""

    prompt: Manifest
    spec: PromptSpec
    memory: Memory
    candidates: Candidates
    sourced: Sourced | None

    @property
    def name(self) -> str:
        """The Prompt's name."""
        return name_of(self.prompt)

    @property
    def follows_source(self) -> bool:
        """Whether the source decides, not activeVersion."""
        return self.spec.active_version is None and self.spec.source is not None


def choose(choice: Choice) -> Candidate | Problem:
    """Return the version to serve, or why there is none."""
    wanted = _followed(choice) if choice.follows_source else _named(choice)
    if isinstance(wanted, Problem):
        return wanted
    return next((problem for check in CHECKS if (problem := check(choice, wanted))), wanted)


def _followed(choice: Choice) -> Candidate | Problem:
    sourced = choice.sourced
    if sourced is None or sourced.digest is None:
        return sourced.problem if sourced and sourced.problem else _not_active(choice)
    same = choice.candidates.with_digest(sourced.digest)
    serving = choice.memory.stable
    if not same:
        return _not_active(choice)
    # Several numbers may have one content: stay where we are, else take the newest that may be activated.
    ranked = sorted(
        same,
        key=lambda each: (
            serving is None or each.reference != serving,
            each.lifecycle == "Archived",
            bool(choice.memory.digest_served_as(each.number) not in (None, each.digest)),
        ),
    )
    return ranked[0]


def _named(choice: Choice) -> Candidate | Problem:
    number = choice.spec.active_version
    if number is None:
        return _not_active(choice)
    return choice.candidates.numbered(number) or _missing(choice, number)


def _missing(choice: Choice, number: str) -> Problem:
    name, version_name = choice.name, f"{choice.name}-{number}"
    foreign = choice.candidates.in_the_way(version_name)
    if foreign is not None and (other := prompt_of(foreign.manifest)) != name:
        message = (
            f'PromptVersion {version_name} is a version of prompt "{other}", not of "{name}"{_instead(choice, ": ")}'
        )
        return Problem(reasons.VERSION_OF_OTHER_PROMPT, message)
    if foreign is not None:
        return _owned_by_another(choice, foreign, version_name)
    if choice.memory.digest_served_as(number):
        message = (
            f'version {number} of prompt "{name}" is gone: apply PromptVersion {version_name} again'
            f"{_instead(choice, ' or ')}"
        )
    else:
        message = (
            f'version {number} of prompt "{name}" does not exist yet: apply PromptVersion {version_name}'
            f"{_instead(choice, ' or ')}"
        )
    return Problem(reasons.VERSION_NOT_FOUND, message, "arrival")


def _owned_by_another(choice: Choice, foreign: Candidate, version_name: str) -> Problem:
    owners = ", ".join(sorted(owner_uids(foreign.manifest)))
    message = (
        f"PromptVersion {version_name} is owned by another object (uid {owners}, this prompt is {uid_of(choice.prompt)}) "
        f"and goes with it: apply it again without ownerReferences once it is gone{_instead(choice, ' or ')}"
    )
    return Problem(reasons.VERSION_NOT_FOUND, message, "arrival")


def _not_active(choice: Choice) -> Problem:
    advice = _instead(choice, ": ") or ": apply a PromptVersion and name it in spec.activeVersion, or set spec.source"
    return Problem(reasons.NO_ACTIVE_VERSION, f'prompt "{choice.name}" has no active version{advice}', "decision")


def _instead(choice: Choice, separator: str) -> str:
    numbers = choice.candidates.numbers()
    if not numbers:
        return ""
    more = "" if len(numbers) <= SHOWN else f" (the newest {SHOWN} of {len(numbers)})"
    return f"{separator}set spec.activeVersion to one of {', '.join(numbers[-SHOWN:])}{more}"


def _content_is_sound(choice: Choice, wanted: Candidate) -> Problem | None:
    finding = wanted.problem
    if finding is None:
        return None
    reason = finding.reason if finding.reason == reasons.DIGEST_CHANGED else reasons.VERSION_INVALID
    message = (
        f"version {wanted.number} cannot be served: {finding.sentence}; versions never change: correct it in a new one"
    )
    return Problem(reason, message)


def _digest_is_asked_for(choice: Choice, wanted: Candidate) -> Problem | None:
    asked = choice.spec.active_digest
    if asked is None or asked == wanted.digest:
        return None
    message = (
        f"version {wanted.number} has the digest {wanted.digest}, spec.activeDigest asks for {asked}: "
        "correct spec.activeDigest, or activate the version that has it"
    )
    return Problem(reasons.DIGEST_MISMATCH, message)


def _number_means_what_it_meant(choice: Choice, wanted: Candidate) -> Problem | None:
    before = choice.memory.digest_served_as(wanted.number)
    if before in (None, wanted.digest) or choice.spec.active_digest == wanted.digest:
        return None
    message = (
        f"version {wanted.number} was served with the digest {before} and came back with {wanted.digest}: "
        f"give the new content a new number, or set spec.activeDigest to {wanted.digest} to accept it"
    )
    return Problem(reasons.DIGEST_CHANGED, message)


def _not_newly_archived(choice: Choice, wanted: Candidate) -> Problem | None:
    if wanted.lifecycle != "Archived":
        return None
    if wanted.reference == choice.memory.stable:
        message = f"version {wanted.number} is archived: activate another one, or set its spec.lifecycle to Available"
    else:
        message = (
            f"version {wanted.number} is archived and cannot be activated: activate another one, "
            "or set its spec.lifecycle to Available"
        )
    return Problem(reasons.VERSION_ARCHIVED, message)


CHECKS = (
    _content_is_sound,
    _digest_is_asked_for,
    _number_means_what_it_meant,
    _not_newly_archived,
)
"""What must hold before a version is activated, in the order in which an author should hear of it."""
