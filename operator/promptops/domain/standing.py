"""What a Prompt's status says, as far as thousands of prompts are asked at once: how many are stalled, and of whom there is news."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from promptops.api import reasons
from promptops.api.v1alpha1.prompt_status import PromptStatus, Serving
from promptops.api.v1alpha1.schema import Condition
from promptops.domain.conditions import find
from promptops.domain.manifests import Manifest
from promptops.domain.statuses import said_alone


@dataclass(frozen=True, slots=True)
class Standing:
    """Read once for each state of a Prompt: a status is JSON, and its parts are validated, whenever it is read whole."""

    uid: str
    revision: int
    """The one that is served; 0 for none."""
    served: str
    """Who serves it, as status.served says: all, none, 48/50; empty when it was never said."""
    is_complete: bool
    """Nobody lags."""
    phase: str
    is_stalled: bool

    @classmethod
    def of(cls, uid: str, status: Manifest) -> Standing:
        """Read a status; whatever is not there or malformed was never said."""
        serving: Serving | None = said_alone(PromptStatus, status, "serving")
        conditions: tuple[Condition, ...] | None = said_alone(PromptStatus, status, "conditions")
        return cls(
            uid=uid,
            revision=serving.revision if serving else 0,
            served=sys.intern(said_alone(PromptStatus, status, "served") or ""),
            is_complete=is_complete(find(conditions, "Converged")),
            phase=sys.intern(said_alone(PromptStatus, status, "phase") or ""),
            is_stalled=find(conditions, "Stalled").status == "True",
        )


def is_complete(converged: Condition) -> bool:
    """Tell whether a Prompt's condition Converged says that nobody lags, be it what the spec asks for or not."""
    return converged.status == "True" or converged.reason == reasons.NOT_IN_FORCE
