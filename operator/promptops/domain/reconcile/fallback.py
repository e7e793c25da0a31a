"""What stands in for what is served, and what is against it. The last one stays while another cannot be had."""

from collections.abc import Iterator
from dataclasses import dataclass

from promptops.api import reasons
from promptops.api.feed import VersionReference
from promptops.domain.content.checks import check_words
from promptops.domain.content.grade import breaking
from promptops.domain.findings import combined, shortened
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.memory import NO_LAST_RESORT, LastResort
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.reconcile.target import against_standing_in
from promptops.domain.reconcile.versions import Version


@dataclass(frozen=True)
class Falling:
    """What stands in from now on, and what is to be said of it."""

    to: LastResort = NO_LAST_RESORT
    problem: Obstacle | None = None
    remarks: tuple[str, ...] = ()


def fall_back(case: Case, stable: VersionReference | None) -> Falling:
    """Return what stands in for what is served, which is `stable`."""
    before = still_there(case, case.memory.fallback)
    if case.spec is None:
        return Falling(before)
    if case.spec.fallback is None:
        return Falling()
    if case.spec.fallback.text is not None:
        return _words(case.spec.fallback.text, before)
    found = _version(case, case.spec.fallback.version or "")
    if isinstance(found, Obstacle):
        return Falling(before, found)
    return Falling(LastResort(found.reference), remarks=tuple(_remarks(case, stable, found)))


def still_there(case: Case, before: LastResort) -> LastResort:
    """Return what stood in before; nothing when it is a version that nobody can have any more."""
    if before.version is not None and case.versions.compiled(before.version) is None:
        return NO_LAST_RESORT
    return before


def _words(text: str, before: LastResort) -> Falling:
    wrong = combined(check_words(text))
    if wrong is None:
        return Falling(LastResort(text=text))
    return Falling(before, Obstacle(reasons.FALLBACK_INVALID, f"{wrong.sentence}: correct it there"))


def _version(case: Case, number: str) -> Version | Obstacle:
    name = f"{case.name}-{number}"
    found = case.versions.numbered(number)
    if found is None:
        message = f"spec.fallback.version {number} is not there: apply PromptVersion {name}, or name another one"
        return Obstacle(reasons.FALLBACK_INVALID, message, "arrival", missing=("PromptVersion", name))
    stays = found.sound and found.reference == case.memory.fallback.version
    objection = None if stays else against_standing_in(case, found)
    if objection is None:
        return found
    message = f"spec.fallback.version: {objection.message}"
    return Obstacle(reasons.FALLBACK_INVALID, message, objection.waits_for, objection.missing)


def _remarks(case: Case, stable: VersionReference | None, stand_in: Version) -> Iterator[str]:
    served = case.versions.compiled(stable) if stable is not None else None
    broken = breaking(served.content, stand_in.content) if served is not None else ()
    if served is not None and broken:
        yield (
            f"version {stand_in.number}, which spec.fallback names, refuses calls that version {served.number} takes, "
            f"and stands in for none of those: {shortened(broken)}"
        )
