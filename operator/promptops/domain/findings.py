"""What is wrong with an object: one value for conditions, Events, lint and answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

MAX_TOLD = 5
"""So many errors stand in one message; of the others the number."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where, and what to do about it."""

    reason: str
    """A constant of promptops.api.reasons."""
    message: str
    path: str = ""
    """Field, as in spec.content.messages[2].content."""
    line: int | None = None
    column: int | None = None
    severity: Literal["error", "warning"] = "error"

    @property
    def sentence(self) -> str:
        """Place and message in one line, for a condition or a terminal."""
        place = f"line {self.line}, column {self.column}" if self.line is not None else ""
        return ": ".join(part for part in (self.path, place, self.message) if part)

    def below(self, root: str) -> "Finding":
        """Return the same finding with its path seen from `root`."""
        return replace(self, path=join(root, self.path))


def join(root: str, path: str) -> str:
    """Put two field paths together."""
    if not root or not path:
        return root or path
    return f"{root}{path}" if path.startswith("[") else f"{root}.{path}"


def warnings_of(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what is allowed and probably not meant."""
    return tuple(finding for finding in findings if finding.severity == "warning")


def listed(findings: Sequence[Finding]) -> str:
    """Put several findings into one sentence, of many the first and how many more there are."""
    told = [finding.sentence for finding in findings[:MAX_TOLD]]
    if len(findings) > MAX_TOLD:
        told.append(f"and {len(findings) - MAX_TOLD} more")
    return "; ".join(told)


def shortened(names: Sequence[str]) -> str:
    """Put names into one sentence, of many the first and how many more there are."""
    more = f" and {len(names) - MAX_TOLD} more" if len(names) > MAX_TOLD else ""
    return f"{', '.join(names[:MAX_TOLD])}{more}"


def combined(findings: Iterable[Finding]) -> Finding | None:
    """Return the first error, with the others behind its message: an author mends them together. None without errors."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return None
    told = [errors[0].message, *(each.sentence for each in errors[1:MAX_TOLD])]
    if len(errors) > MAX_TOLD:
        told.append(f"and {len(errors) - MAX_TOLD} more")
    return replace(errors[0], message="; ".join(told))
