"""What a Tenant's rules have against activating a version, and which generated versions are too many. What serves already goes on."""

from promptops.api import reasons
from promptops.api.content import json_of
from promptops.api.feed import VersionReference
from promptops.domain.manifests import name_of, spec_of, uid_of
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.reconcile.versions import Version
from promptops.domain.signatures import signer


def fits_the_limits(case: Case, wanted: Version) -> Obstacle | None:
    """Within all limits, or served already."""
    excess = None if wanted.reference == case.memory.stable else _exceeded(case, wanted)
    if excess is None:
        return None
    return Obstacle(reasons.QUOTA_EXCEEDED, f"version {wanted.number} is not activated: {excess}")


def is_tested(case: Case, wanted: Version) -> Obstacle | None:
    """Has tests; whether they pass is asked elsewhere."""
    if not case.snapshot.rules.requires_tests or wanted.is_tested or wanted.reference == case.memory.stable:
        return None
    message = (
        f"version {wanted.number} has no tests, and tenant {case.snapshot.tenant} requires them: "
        "create a new version with spec.tests, or add spec.source.tests"
    )
    return Obstacle(reasons.TESTS_REQUIRED, message)


def digest_is_named(case: Case, wanted: Version) -> Obstacle | None:
    """Whoever activates says what, not only which number."""
    asked = case.spec.active_digest if case.spec else None
    if not case.snapshot.rules.requires_digest or asked is not None or wanted.reference == case.memory.stable:
        return None
    message = (
        f"tenant {case.snapshot.tenant} requires the digest of what is activated: "
        f"set spec.activeDigest to {wanted.digest}, which is what version {wanted.number} has"
    )
    return Obstacle(reasons.DIGEST_REQUIRED, message)


def is_signed(case: Case, wanted: Version) -> Obstacle | None:
    """By somebody whom the tenant believes."""
    believed = case.snapshot.rules.signers
    if believed is None or wanted.reference == case.memory.stable:
        return None
    if signer(wanted.manifest, wanted.digest, believed, case.snapshot.verifies) is not None:
        return None
    has = "has no signature" if not spec_of(wanted.manifest).get("signatures") else "has no signature that holds"
    message = (
        f"version {wanted.number} {has} by {' or '.join(sorted(believed)) or 'anybody'}, and tenant {case.snapshot.tenant} "
        f"requires one: have its digest, {wanted.digest}, signed with promptops sign, and apply spec.signatures"
    )
    return Obstacle(reasons.SIGNATURE_REQUIRED, message)


def digest_was_served(case: Case, version: Version) -> Obstacle | None:
    """Of what stands in nothing names the digest: where one is required, it must have been served before."""
    if not case.snapshot.rules.requires_digest or case.memory.digest_served_as(version.number) == version.digest:
        return None
    message = (
        f"tenant {case.snapshot.tenant} requires the digest of what is served, and version {version.number} never was: "
        "name one that was, or set spec.fallback.text"
    )
    return Obstacle(reasons.DIGEST_REQUIRED, message)


def versions_kept(case: Case) -> int:
    """Return how many generated versions are kept: as many as the Prompt says, and no more than the tenant's limit."""
    limit = case.snapshot.rules.versions_per_prompt
    wanted = case.spec.history_limit if case.spec else 0
    return wanted if limit is None else min(wanted, limit)


def _exceeded(case: Case, wanted: Version) -> str | None:
    return _prompts(case) or _versions(case, wanted) or _content(case, wanted)


def _prompts(case: Case) -> str | None:
    limit, older = case.snapshot.rules.prompts, case.snapshot.older_prompts
    if limit is None or older < limit:
        return None
    return f"{older} prompts of the namespace are older than this one, and {_allowed(case, limit)}: delete one of those"


def _versions(case: Case, wanted: Version) -> str | None:
    """The highest numbers are too many. Generated ones never are: they are pruned."""
    limit = case.snapshot.rules.versions_per_prompt
    count = len(case.versions.own) + case.snapshot.more_versions
    if limit is None or count <= limit or wanted.is_made_for(uid_of(case.prompt)):
        return None
    if wanted.number not in {each.number for each in case.versions.own[: count - limit]}:
        return None
    return f"the prompt has {count} versions, and {_allowed(case, limit)}: delete some that are not in use"


def _content(case: Case, wanted: Version) -> str | None:
    limit = case.snapshot.rules.content_bytes
    canonical = wanted.assessment.canonical
    size = len(json_of(canonical)) if limit is not None and canonical is not None else 0
    if limit is None or size <= limit:
        return None
    return f"its content has {size} bytes, and {_allowed(case, limit)}: make it shorter"


def _allowed(case: Case, limit: int) -> str:
    return f"tenant {case.snapshot.tenant} allows {limit}"


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
