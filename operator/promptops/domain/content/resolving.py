"""Finds what a content includes, what that includes, and so on: to a bounded depth, never in a circle."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from promptops.api import reasons
from promptops.domain.content.assessment import GOING, Assess, Assessment, look
from promptops.domain.content.composition import Ingredient, Mixture, mix
from promptops.domain.content.references import Reference
from promptops.domain.content.sourcing import Judge, SourceText
from promptops.domain.findings import Finding, combined
from promptops.domain.manifests import Manifest, is_going, name_of
from promptops.domain.ownership import lifecycle_of

MAX_DEPTH: Final = 8
"""Includes inside one another."""
MAX_INCLUDED: Final = 64
"""Versions that a content takes in, directly or not."""

Find: TypeAlias = Callable[[str], Manifest | None]
"""Returns a PromptVersion of the namespace by its name."""
Mix: TypeAlias = Callable[[Mixture], Assessment]
"""Returns what a mixture comes to, from memory or by looking at it."""


@dataclass(frozen=True)
class _Resolved:
    assessment: Assessment
    height: int = 0
    """How many includes stand inside one another."""
    reached: frozenset[str] = frozenset()
    retired: tuple[tuple[str, str], ...] = ()
    """Itself and what it includes, as far as that is Deprecated, Archived or being deleted."""


class Resolver:
    """Looks at contents of one namespace with what they include, as it is at one moment."""

    def __init__(self, find: Find, look: Assess = look, mix: Mix = mix) -> None:
        self._find = find
        self._look = look
        self._mix = mix
        self._sound: dict[str, _Resolved] = {}

    def assess(self, version: Manifest) -> Assessment:
        """Return what a PromptVersion's content comes to."""
        return self._version(version, (), {}).assessment

    def judging(self, judge: Judge) -> Judge:
        """Return a judge of sources that looks at what they include too."""

        def judged(source: SourceText) -> Assessment:
            return self._content(judge(source), "", (), {}).assessment

        return judged

    def _version(self, version: Manifest, path: tuple[str, ...], known: dict[str, _Resolved]) -> _Resolved:
        name = name_of(version)
        found = self._sound.get(name) or known.get(name)
        if found is None:
            found = self._content(self._look(version), "spec.content", (*path, name), known)
            found = replace(found, retired=(*_retired(version), *found.retired))
            known[name] = found
            if found.assessment.is_sound:
                self._sound[name] = found
        return found

    def _content(self, own: Assessment, root: str, path: tuple[str, ...], known: dict[str, _Resolved]) -> _Resolved:
        """`path`: the versions that stand around this content, itself included. `known`: what was met on this way before."""
        if own.is_resolved:
            return _Resolved(own)
        taken: list[tuple[Reference, _Resolved]] = []
        for index, reference in enumerate(own.includes):
            place = f"includes[{index}]"
            each = self._taken(reference, place, path, known)
            if isinstance(each, Assessment):
                return _Resolved(_refused(own, each, root))
            taken.append((reference, each))
        height = 1 + max(each.height for _, each in taken)
        reached = frozenset(name for reference, each in taken for name in (reference.name, *each.reached))
        if too_much := _beyond_bounds(height, len(reached)):
            return _Resolved(_refused(own, Assessment(None, (too_much,)), root))
        retired = tuple(dict.fromkeys(each for _, resolved in taken for each in resolved.retired))
        return _Resolved(replace(self._mixed(own, taken, root), retired=retired), height, reached, retired)

    def _taken(
        self, reference: Reference, place: str, path: tuple[str, ...], known: dict[str, _Resolved]
    ) -> "_Resolved | Assessment":
        """Return an included version, or what forbids to include it."""
        name = reference.name
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            message = f"the includes go in a circle: {circle}: take one of them out"
            return Assessment(None, (Finding(reasons.INCLUDE_CYCLE, message, place),))
        if (too_much := _beyond_bounds(len(path), len(known))) is not None:
            return Assessment(None, (too_much,))
        version = self._find(name)
        if version is None:
            message = f'PromptVersion "{name}" is not there: apply it'
            return Assessment(None, (Finding(reasons.INCLUDE_NOT_FOUND, message, place),), missing=name)
        found = self._version(version, path, known)
        wrong = combined(found.assessment.findings)
        if wrong is None:
            return found
        reason = wrong.reason if wrong.reason in _PASSED_ON else reasons.INVALID_INCLUDE
        message = f"{name} cannot be included: {wrong.sentence}"
        return Assessment(None, (Finding(reason, message, place),), missing=found.assessment.missing)

    def _mixed(self, own: Assessment, taken: list[tuple[Reference, _Resolved]], root: str) -> Assessment:
        ingredients = tuple(
            Ingredient(reference.alias, reference.name, each.assessment.canonical or b"") for reference, each in taken
        )
        mixed = self._mix(Mixture(own.canonical or b"", ingredients, own.untried))
        said = {(each.reason, each.path, each.message) for each in own.findings}
        below = (each.below(root) for each in mixed.findings)
        new = tuple(each for each in below if (each.reason, each.path, each.message) not in said)
        findings = sorted((*own.findings, *new), key=lambda each: each.severity != "error")
        return replace(mixed, findings=tuple(findings), includes=own.includes, written=own, tests=own.tests)


def _retired(version: Manifest) -> tuple[tuple[str, str], ...]:
    states = (lifecycle_of(version), *((GOING,) if is_going(version) else ()))
    return tuple((name_of(version), state) for state in states if state != "Available")


_PASSED_ON: Final = frozenset({reasons.INCLUDE_NOT_FOUND, reasons.INCLUDE_CYCLE})


def _beyond_bounds(depth: int, versions: int) -> Finding | None:
    if depth > MAX_DEPTH:
        message = f"includes stand inside one another more than {MAX_DEPTH} deep: take some of them out"
    elif versions > MAX_INCLUDED:
        message = f"more than {MAX_INCLUDED} versions are included in one another: take some of them out"
    else:
        return None
    return Finding(reasons.INVALID_INCLUDE, message, "includes")


def _refused(own: Assessment, why: Assessment, root: str) -> Assessment:
    findings = (*(each.below(root) for each in why.findings), *own.findings)
    return Assessment(None, findings, includes=own.includes, written=own, missing=why.missing, tests=own.tests)


def _nothing(name: str) -> None:
    return None


def assess(version: Manifest) -> Assessment:
    """Look at a PromptVersion in a namespace that has no other."""
    return Resolver(_nothing).assess(version)
