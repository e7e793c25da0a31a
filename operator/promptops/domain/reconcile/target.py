"""Which version the spec asks for, or why it cannot be served."""

from typing import Literal

from promptops.api import reasons
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.content.assessment import GOING
from promptops.domain.content.grade import breaking
from promptops.domain.findings import shortened
from promptops.domain.manifests import name_of, uid_of
from promptops.domain.ownership import owner_uids, prompt_of
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.reconcile.rules import (
    digest_is_named,
    digest_was_served,
    fits_the_limits,
    is_signed,
    is_tested,
)
from promptops.domain.reconcile.versions import Version

SHOWN = 5
"""How many versions a message offers."""


def choose(case: Case) -> Version | Obstacle | None:
    """Return the version to serve, or why there is none. None: nothing is asked for, and nothing was served before."""
    if case.spec is None:
        return Obstacle(reasons.INVALID_SPEC, case.wrong.sentence if case.wrong else "spec cannot be read")
    if asks_for_nothing(case.spec) and case.memory.stable is None:
        return None
    wanted = _followed(case) if case.follows_source else _named(case)
    if isinstance(wanted, Obstacle):
        return wanted
    return next((problem for check in CHECKS if (problem := check(case, wanted))), wanted)


def asks_for_nothing(spec: PromptSpec) -> bool:
    """Whether a spec leaves open what to serve: where authors are not releasers, a Prompt begins so."""
    return spec.active_version is None and spec.source is None and spec.active_digest is None


def nothing_asked(case: Case) -> str:
    """Say that nothing is asked for, and how to."""
    return f"nothing is asked for yet and nothing is served{_advice(case)}"


def desired_number(case: Case, wanted: Version | Obstacle | None) -> str | None:
    """Return the number that the spec asks for, be it there or not."""
    if case.spec is None:
        return None
    if case.spec.active_version is not None:
        return case.spec.active_version
    return wanted.number if isinstance(wanted, Version) else None


def _followed(case: Case) -> Version | Obstacle:
    sourced = case.sourced
    if sourced is None or sourced.digest is None:
        return sourced.problem if sourced and sourced.problem else _not_made_yet(case)
    same = case.versions.with_digest(sourced.digest)
    serving = case.memory.stable
    if not same:
        return refused_creation(case) or _not_made_yet(case)
    # Several numbers may have one content: stay where we are, else take the newest that may be activated.
    ranked = sorted(
        same,
        key=lambda each: (
            serving is None or each.reference != serving,
            each.lifecycle == "Archived",
            bool(case.memory.digest_served_as(each.number) not in (None, each.digest)),
        ),
    )
    return ranked[0]


def _named(case: Case) -> Version | Obstacle:
    number = case.spec.active_version if case.spec else None
    if number is None:
        # Something is served that nobody asks for any more: that ends with an edit alone.
        return Obstacle(reasons.NO_ACTIVE_VERSION, _not_active(case))
    return case.versions.numbered(number) or _missing(case, number)


def _missing(case: Case, number: str) -> Obstacle:
    name, version_name = case.name, f"{case.name}-{number}"
    foreign = case.versions.in_the_way(version_name)
    if foreign is not None and (other := prompt_of(foreign.manifest)) != name:
        message = (
            f'PromptVersion {version_name} is a version of prompt "{other}", not of "{name}"{_instead(case, ": ")}'
        )
        return Obstacle(reasons.VERSION_OF_OTHER_PROMPT, message)
    if foreign is not None:
        return _owned_by_another(case, foreign, version_name)
    if case.memory.digest_served_as(number):
        message = (
            f'version {number} of prompt "{name}" is gone: apply PromptVersion {version_name} again'
            f"{_instead(case, ' or ')}"
        )
    else:
        message = (
            f'version {number} of prompt "{name}" does not exist yet: apply PromptVersion {version_name}'
            f"{_instead(case, ' or ')}"
        )
    return Obstacle(reasons.VERSION_NOT_FOUND, message, _once_it_served(case, number), ("PromptVersion", version_name))


def _once_it_served(case: Case, number: str) -> Literal["author", "arrival"]:
    """What was never there may still come. What is served and was taken away was taken by somebody, and no generation says so."""
    stable = case.memory.stable
    return "author" if stable is not None and stable.version == number else "arrival"


def _owned_by_another(case: Case, foreign: Version, version_name: str) -> Obstacle:
    owners = ", ".join(sorted(owner_uids(foreign.manifest)))
    message = (
        f"PromptVersion {version_name} is owned by another object (uid {owners}, this prompt is {uid_of(case.prompt)}) "
        f"and goes with it: apply it again without ownerReferences once it is gone{_instead(case, ' or ')}"
    )
    return Obstacle(reasons.VERSION_NOT_FOUND, message, "arrival")


def _not_made_yet(case: Case) -> Obstacle:
    return Obstacle(reasons.NO_ACTIVE_VERSION, _not_active(case), "arrival")


def _not_active(case: Case) -> str:
    return f'prompt "{case.name}" has no active version{_advice(case)}'


def refused_creation(case: Case) -> Obstacle | None:
    """Say in the API server's words why the source's content could not become a version."""
    refused = case.snapshot.refused
    if refused is None or case.sourced is None or case.sourced.digest is None:
        return None
    if case.versions.with_digest(case.sourced.digest):
        return None
    message = (
        f"the source's content could not become PromptVersion {refused.name}, and is tried again: {refused.message}"
    )
    return Obstacle(reasons.CREATION_REFUSED, message, "author" if refused.final else "arrival")


def _advice(case: Case) -> str:
    return _instead(case, ": ") or ": apply a PromptVersion and name it in spec.activeVersion, or set spec.source"


def _instead(case: Case, separator: str) -> str:
    numbers = case.versions.numbers()
    if not numbers:
        return ""
    more = "" if len(numbers) <= SHOWN else f" (the newest {SHOWN} of {len(numbers)})"
    return f"{separator}set spec.activeVersion to one of {', '.join(numbers[-SHOWN:])}{more}"


def _content_is_sound(case: Case, wanted: Version) -> Obstacle | None:
    finding = wanted.problem
    if finding is None:
        return None
    if wanted.awaits:
        message = f"version {wanted.number} cannot be served yet: {finding.sentence}"
        missing = ("PromptVersion", wanted.awaits)
        return Obstacle(finding.reason, message, _once_it_served(case, wanted.number), missing)
    reason = finding.reason if finding.reason in _OWN_REASONS else reasons.VERSION_INVALID
    message = (
        f"version {wanted.number} cannot be served: {finding.sentence}; versions never change: correct it in a new one"
    )
    return Obstacle(reason, message)


_OWN_REASONS = frozenset({reasons.DIGEST_CHANGED, reasons.INCLUDE_CYCLE})


def _stays(case: Case, wanted: Version) -> Obstacle | None:
    """Whoever deleted it while it was not in use needed nobody's leave: it would go the moment that nothing keeps it any more."""
    if wanted.reference == case.memory.stable:
        return None
    if not wanted.is_going:
        return _includes_nothing_that_goes(wanted)
    message = (
        f"PromptVersion {name_of(wanted.manifest)} is being deleted and cannot be activated: "
        "activate another one, or apply it again once it is gone"
    )
    return Obstacle(reasons.VERSION_NOT_FOUND, message, "arrival")


def _includes_nothing_that_goes(wanted: Version) -> Obstacle | None:
    going = wanted.included(GOING)
    if not going:
        return None
    message = (
        f"version {wanted.number} includes what is being deleted, {shortened(going)}, and cannot be activated: "
        "include others in a new version, or apply the same again once it is gone"
    )
    return Obstacle(reasons.INCLUDE_NOT_FOUND, message, "arrival")


def _digest_is_asked_for(case: Case, wanted: Version) -> Obstacle | None:
    asked = case.spec.active_digest if case.spec else None
    if asked is None or asked == wanted.digest:
        return None
    message = (
        f"version {wanted.number} has the digest {wanted.digest}, spec.activeDigest asks for {asked}: "
        "correct spec.activeDigest, or activate the version that has it"
    )
    return Obstacle(reasons.DIGEST_MISMATCH, message)


def _number_means_what_it_meant(case: Case, wanted: Version) -> Obstacle | None:
    before = case.memory.digest_served_as(wanted.number)
    accepted = case.spec is not None and case.spec.active_digest == wanted.digest
    if before in (None, wanted.digest) or accepted:
        return None
    message = (
        f"version {wanted.number} was served with the digest {before} and came back with {wanted.digest}: "
        f"give the new content a new number, or set spec.activeDigest to {wanted.digest} to accept it"
    )
    return Obstacle(reasons.DIGEST_CHANGED, message)


def _not_newly_archived(case: Case, wanted: Version) -> Obstacle | None:
    if wanted.lifecycle != "Archived":
        return _includes_nothing_archived(case, wanted)
    if wanted.reference == case.memory.stable:
        message = f"version {wanted.number} is archived: activate another one, or set its spec.lifecycle to Available"
    else:
        message = (
            f"version {wanted.number} is archived and cannot be activated: activate another one, "
            "or set its spec.lifecycle to Available"
        )
    return Obstacle(reasons.VERSION_ARCHIVED, message)


def _includes_nothing_archived(case: Case, wanted: Version) -> Obstacle | None:
    archived = wanted.included("Archived")
    if not archived or wanted.reference == case.memory.stable:
        return None
    message = (
        f"version {wanted.number} includes what is archived, {shortened(archived)}, and cannot be activated: "
        "include others in a new version, or set their spec.lifecycle to Available"
    )
    return Obstacle(reasons.VERSION_ARCHIVED, message)


def _tests_passed(case: Case, wanted: Version) -> Obstacle | None:
    failure = wanted.failure
    if failure is None or wanted.reference == case.memory.stable:
        return None
    message = (
        f"version {wanted.number} cannot be activated: {failure.sentence}; versions never change: create a new one "
        "with other content or other tests"
    )
    return Obstacle(failure.reason, message)


def _breaks_no_caller(case: Case, wanted: Version) -> Obstacle | None:
    """Back to what was served before is never held up: callers lived with it."""
    stable = case.memory.stable
    served = case.versions.compiled(stable) if stable is not None and stable != wanted.reference else None
    accepted = case.spec.accept_breaking if case.spec else None
    if stable is None or served is None or accepted == wanted.number:
        return None
    if case.memory.digest_served_as(wanted.number) == wanted.digest:
        return None
    broken = breaking(served.content, wanted.content)
    if not broken:
        return None
    message = (
        f"version {wanted.number} breaks callers of version {stable.version}: {shortened(broken)}: "
        f"set spec.acceptBreaking to {wanted.number} once they are ready for it"
    )
    return Obstacle(reasons.BREAKING_CHANGE, message)


def against_standing_in(case: Case, version: Version) -> Obstacle | None:
    """Return what keeps a version from standing in for what is served: all that keeps one from being activated, except that
    it may take other calls, and that nothing names its digest."""
    return next((found for check in _OF_STAND_INS if (found := check(case, version))), None)


_OF_STAND_INS = (
    _stays,
    _content_is_sound,
    _number_means_what_it_meant,
    _not_newly_archived,
    fits_the_limits,
    is_tested,
    _tests_passed,
    digest_was_served,
)

CHECKS = (
    _stays,
    _content_is_sound,
    _digest_is_asked_for,
    _number_means_what_it_meant,
    _not_newly_archived,
    fits_the_limits,
    digest_is_named,
    is_signed,
    is_tested,
    _tests_passed,
    _breaks_no_caller,
)
"""What must hold before a version is activated, in the order in which an author should hear of it."""
