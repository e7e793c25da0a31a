"""Which generated versions are too many."""

from promptops.api.feed import VersionReference
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.reconcile.candidates import Candidate, Candidates
from promptops.domain.reconcile.source import Sourced


def too_many(
    spec: PromptSpec | None,
    candidates: Candidates,
    in_use: tuple[VersionReference | None, ...],
    sourced: Sourced | None,
) -> tuple[Candidate, ...]:
    """Return the generated versions above the limit, oldest first; never one in use or labelled to be kept."""
    if spec is None:
        return ()
    generated = [each for each in reversed(candidates.own) if each.is_generated and not each.is_kept]
    staying = [each for each in generated if not each.is_going]
    surplus = len(staying) - spec.history_limit
    used = {reference.version for reference in in_use if reference} | {spec.active_version}
    used |= {each.number for each in candidates.with_digest(sourced.digest)} if sourced and sourced.digest else set()
    removable = [each for each in staying if each.number not in used]
    return tuple(removable[: max(surplus, 0)])
