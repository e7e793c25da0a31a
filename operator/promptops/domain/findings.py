"""What is wrong with an object: one value for conditions, Events, lint and answers."""

from dataclasses import dataclass, replace
from typing import Literal


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
