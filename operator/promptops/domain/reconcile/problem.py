"""Why what the spec asks for is not served, and who has to act."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Obstacle:
    """Something that keeps the spec from being in force."""

    reason: str
    message: str
    waits_for: Literal["author", "arrival"] = "author"
    """author: an edit, nothing else helps (Stalled). arrival: of an object that may still come (Reconciling)."""
    missing: tuple[str, str] | None = None
    """Kind and name of the object that is not there: to be looked for once more before anybody is told so."""
