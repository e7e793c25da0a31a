"""Which ids a Prompt answers to beside its name, and who yields when two want the same."""

from collections.abc import Iterable

from promptops.api import reasons
from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.domain.manifests import Manifest, age_key, name_of, spec_of, status_of, text
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.statuses import said_alone


def ids_of(prompt: Manifest, rivals: Iterable[Manifest]) -> tuple[tuple[str, ...], Obstacle | None]:
    """Return the ids that the Prompt may answer to, and the conflict that took one away.

    A name always beats another Prompt's id; of two equal ids the older Prompt keeps it. Who has nothing to serve takes
    nothing from those who have.
    """
    wanted, name = text(spec_of(prompt).get("promptId")), name_of(prompt)
    if not wanted or wanted == name:
        return (), None
    others = [rival for rival in rivals if name_of(rival) != name and has_something_to_serve(rival)]
    if any(name_of(rival) == wanted for rival in others):
        message = (
            f'promptId "{wanted}" is the name of another prompt, and a name always wins: '
            "delete that prompt, or create this one again with another promptId"
        )
        return (), Obstacle(reasons.ID_CONFLICT, message)
    older = [rival for rival in others if _wants(rival, wanted) and age_key(rival) < age_key(prompt)]
    if older:
        message = (
            f'promptId "{wanted}" is already used by prompt "{name_of(min(older, key=age_key))}", which is older: '
            "delete that prompt, or create this one again with another promptId"
        )
        return (), Obstacle(reasons.ID_CONFLICT, message)
    return (wanted,), None


def has_something_to_serve(prompt: Manifest) -> bool:
    """Whether a Prompt's status says that a version of it is served."""
    return said_alone(PromptStatus, status_of(prompt), "serving") is not None


def _wants(rival: Manifest, prompt_id: str) -> bool:
    return text(spec_of(rival).get("promptId")) == prompt_id
