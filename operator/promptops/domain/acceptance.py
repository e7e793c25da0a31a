"""Warnings that whoever wrote an object has read and means, and says so beside it."""

from collections.abc import Iterable, Iterator
from typing import Final

from promptops.api import reasons
from promptops.api.v1alpha1 import ACCEPT_ANNOTATION
from promptops.domain.findings import Finding
from promptops.domain.manifests import Manifest, annotation
from promptops.rendering.names import shown

_REASONS: Final = frozenset(value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str))
_PLACE: Final = f"metadata.annotations.{ACCEPT_ANNOTATION}"


def accepted(manifest: Manifest) -> frozenset[str]:
    """Return the reasons that an object names in its annotation `promptops.io/accept`."""
    return frozenset(filter(None, (each.strip() for each in annotation(manifest, ACCEPT_ANNOTATION).split(","))))


def unaccepted(findings: Iterable[Finding], manifest: Manifest) -> tuple[Finding, ...]:
    """Return the findings without the warnings that an object accepts. What is an error cannot be accepted."""
    reasons_named = accepted(manifest)
    return tuple(each for each in findings if each.severity == "error" or each.reason not in reasons_named)


def check_acceptance(manifest: Manifest) -> Iterator[Finding]:
    """A misspelt reason accepts nothing."""
    for word in sorted(accepted(manifest) - _REASONS):
        message = f"accepts nothing, for no finding has the reason {shown(word)}: write it as promptops check does"
        yield Finding(reasons.INVALID_SPEC, message, _PLACE, severity="warning")
