"""Which generated versions are too many."""

from promptops.api.feed import VersionReference
from promptops.domain.manifests import name_of, uid_of
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.limits import versions_kept
from promptops.domain.reconcile.versions import Version


def too_many(case: Case, in_use: tuple[VersionReference | None, ...]) -> tuple[Version, ...]:
    """Return the generated versions above the limit, oldest first; never one in use or labelled to be kept."""
    if case.spec is None:
        return ()
    uid = uid_of(case.prompt)
    generated = (each for each in reversed(case.versions.own) if each.is_made_for(uid) and not each.is_kept)
    staying = [each for each in generated if not each.is_going]
    surplus = len(staying) - versions_kept(case)
    used = {reference.version for reference in in_use if reference} | {case.spec.active_version}
    included = case.snapshot.included
    if case.sourced is not None and case.sourced.digest is not None:
        used |= {each.number for each in case.versions.with_digest(case.sourced.digest)}
    free = [each for each in staying if each.number not in used and name_of(each.manifest) not in included]
    return tuple(free[: max(surplus, 0)])
