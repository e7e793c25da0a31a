"""What a Tenant's limits have against activating a version, and which generated versions are too many. What serves already goes on."""

from promptops.api.content import json_of
from promptops.api.feed import VersionReference
from promptops.domain.manifests import name_of, uid_of
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.versions import Version


def exceeded(case: Case, wanted: Version) -> str | None:
    """Return which limit a version is beyond, and by what; None when it is within all of them."""
    return _prompts(case) or _versions(case, wanted) or _content(case, wanted)


def versions_kept(case: Case) -> int:
    """Return how many generated versions are kept: as many as the Prompt says, and no more than the tenant's limit."""
    limit = case.snapshot.rules.versions_per_prompt
    wanted = case.spec.history_limit if case.spec else 0
    return wanted if limit is None else min(wanted, limit)


def _prompts(case: Case) -> str | None:
    limit, older = case.snapshot.rules.prompts, case.snapshot.older_prompts
    if limit is None or older < limit:
        return None
    return f"{older} prompts of the namespace are older than this one, and {limit} may be there: delete one of those"


def _versions(case: Case, wanted: Version) -> str | None:
    """The highest numbers are too many. Generated ones never are: they are pruned."""
    limit = case.snapshot.rules.versions_per_prompt
    count = len(case.versions.own) + case.snapshot.more_versions
    if limit is None or count <= limit or wanted.is_made_for(uid_of(case.prompt)):
        return None
    if wanted.number not in {each.number for each in case.versions.own[: count - limit]}:
        return None
    return f"the prompt has {count} versions, and {limit} may be there: delete some that are not in use"


def _content(case: Case, wanted: Version) -> str | None:
    limit = case.snapshot.rules.content_bytes
    canonical = wanted.assessment.canonical
    size = len(json_of(canonical)) if limit is not None and canonical is not None else 0
    if limit is None or size <= limit:
        return None
    return f"its content has {size} bytes, and {limit} are allowed: make it shorter"


def too_many(case: Case, in_use: tuple[VersionReference | None, ...]) -> tuple[Version, ...]:
    """Return the generated versions above the limit, oldest first; never one in use or labelled to be kept."""
    if case.spec is None:
        return ()
    uid = uid_of(case.prompt)
    generated = (each for each in reversed(case.versions.own) if each.is_made_for(uid) and not each.is_kept)
    staying = [each for each in generated if not each.is_going]
    surplus = len(staying) - versions_kept(case)
    used = {reference.version for reference in in_use if reference} | {
        case.spec.active_version,
        case.spec.fallback_version,
    }
    included = case.snapshot.included
    if case.sourced is not None and case.sourced.digest is not None:
        used |= {each.number for each in case.versions.with_digest(case.sourced.digest)}
    free = [each for each in staying if each.number not in used and name_of(each.manifest) not in included]
    return tuple(free[: max(surplus, 0)])
