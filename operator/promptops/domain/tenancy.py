"""Who holds which namespace: the one that holds it keeps it, else the older Tenant gets it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from promptops.api import reasons
from promptops.api.v1alpha1.tenant import Claim, TenantLimits, TenantSpec, TenantStatus, Usage
from promptops.domain.conditions import Statement, conditions_of
from promptops.domain.findings import Finding, combined
from promptops.domain.gifts import check_defaults, gifts_of
from promptops.domain.manifests import (
    Manifest,
    generation_of,
    mapping,
    metadata,
    name_of,
    parse_as,
    sequence,
    spec_of,
    text,
)
from promptops.domain.snapshot import (
    NO_GIFTS,
    NO_RULES,
    NOTHING,
    Amount,
    TenancyOutcome,
    TenancySnapshot,
    TenantGifts,
    TenantRules,
)
from promptops.domain.statuses import said_of_tenant, written

_UNINJECTED = "uninjected"
ALERTS = {
    "high_error_rate": "errorRatePercent",
    "slow_response": "p95Milliseconds",
    "low_cache_hit_rate": "cacheHitPercent",
}
"""Alert → the field of spec.alerts that says from where on it fires."""


@dataclass(frozen=True)
class _Claimant:
    """A Tenant, as far as claims go."""

    manifest: Manifest
    name: str
    created: str
    claims: tuple[str, ...]
    held: frozenset[str]
    wrong: Finding | None
    rules: TenantRules
    gifts: TenantGifts
    thresholds: Mapping[str, int]

    @classmethod
    def of(cls, tenant: Manifest) -> "_Claimant":
        spec, findings = parse_as(TenantSpec, spec_of(tenant), "spec")
        rows = said_of_tenant(tenant).claims or ()
        held = frozenset(row.namespace for row in rows if row.state == "Claimed")
        written = tuple(dict.fromkeys(filter(None, map(text, sequence(spec_of(tenant).get("namespaces"))))))
        # A spec that cannot be read claims nothing new and loses nothing.
        claims = written if spec is not None else tuple(name for name in written if name in held)
        created = text(metadata(tenant).get("creationTimestamp"))
        wrong = combined((*findings, *(check_defaults(spec_of(tenant)) if not findings else ())))
        # Nor does it ask for less than it says, or give less, as far as that can be read.
        rules, gifts = _rules(spec_of(tenant)), gifts_of(spec_of(tenant))
        alerts = _thresholds(spec_of(tenant))
        return cls(tenant, name_of(tenant), created, claims, held, wrong, rules, gifts, alerts)

    def precedence(self, namespace: str) -> tuple[bool, str, str]:
        return namespace not in self.held, self.created, self.name


def decide_tenancy(snapshot: TenancySnapshot, now: datetime) -> TenancyOutcome:
    """Decide who holds which namespace, and every Tenant's status."""
    claimants = tuple(map(_Claimant.of, snapshot.tenants))
    winners = _winners(claimants, snapshot.protected)
    existing = sorted(filter(None, map(name_of, snapshot.namespaces)))
    statuses = {claimant.name: _status(claimant, winners, frozenset(existing), snapshot, now) for claimant in claimants}
    holders = {namespace: winners[namespace] for namespace in existing if namespace in winners}
    if snapshot.mode == "Implicit":
        holders = {namespace: holders.get(namespace, namespace) for namespace in existing}
    asked = {each.name: each.rules for each in claimants if each.rules != NO_RULES}
    rules = {namespace: asked[tenant] for namespace, tenant in winners.items() if tenant in asked}
    given = {each.name: each.gifts for each in claimants if each.gifts != NO_GIFTS}
    gifts = {namespace: given[tenant] for namespace, tenant in winners.items() if tenant in given}
    told = {each.name: each.thresholds for each in claimants if each.thresholds}
    thresholds = {namespace: told[tenant] for namespace, tenant in winners.items() if tenant in told}
    return TenancyOutcome(holders, statuses, rules, gifts, thresholds)


def _rules(spec: Manifest) -> TenantRules:
    require, limits = mapping(spec.get("require")), mapping(spec.get("limits"))
    bounds = {name: limits.get(field.alias or name) for name, field in TenantLimits.model_fields.items()}
    return TenantRules(
        requires_tests=require.get("tests") is True,
        requires_digest=require.get("digest") is True,
        signers=_signers(require),
        **{name: bound for name, bound in bounds.items() if type(bound) is int and bound > 0},
    )


def _thresholds(spec: Manifest) -> dict[str, int]:
    """Return alert → threshold. One that cannot be read is as for everybody."""
    said = mapping(spec.get("alerts"))
    found = {alert: said.get(field) for alert, field in ALERTS.items()}
    return {alert: number for alert, number in found.items() if type(number) is int and number >= 0}


def _signers(require: Manifest) -> dict[str, str] | None:
    """A key that cannot be read is not believed, and is no reason to believe everybody."""
    if require.get("signature") is None:
        return None
    return {name: key for name, key in mapping(require.get("signature")).items() if isinstance(key, str)}


def _winners(claimants: Iterable[_Claimant], protected: frozenset[str]) -> dict[str, str]:
    best: dict[str, _Claimant] = {}
    for claimant in claimants:
        for namespace in claimant.claims:
            rival = best.get(namespace)
            if rival is None or claimant.precedence(namespace) < rival.precedence(namespace):
                best[namespace] = claimant
    return {namespace: claimant.name for namespace, claimant in best.items() if namespace not in protected}


def _status(
    claimant: _Claimant,
    winners: dict[str, str],
    existing: frozenset[str],
    snapshot: TenancySnapshot,
    now: datetime,
) -> dict[str, Any]:
    said = figures_of(claimant.manifest)
    rows = tuple(
        _row(claimant, namespace, winners.get(namespace), existing, _counted(namespace, said, snapshot))
        for namespace in claimant.claims
    )
    held = [snapshot.amounts.get(row.namespace, NOTHING) for row in rows if row.state == "Claimed"]
    ready, stalled = _conditions(claimant, rows, snapshot.protected)
    missed = _missed(rows, generation_of(claimant.manifest))
    return written(
        TenantStatus.model_construct(
            observed_generation=generation_of(claimant.manifest),
            claims=rows,
            usage=_usage(held) if held else None,
            conditions=conditions_of((ready, *stalled, *missed), said_of_tenant(claimant.manifest).conditions, now),
        )
    )


def _usage(held: Sequence[Amount]) -> Usage:
    return Usage(
        prompts=sum(each.prompts for each in held),
        versions=sum(each.versions for each in held),
        most_prompts=max(each.prompts for each in held),
        most_versions=max(each.most_versions for each in held),
    )


def figures_of(tenant: Manifest) -> dict[str, dict[str, int]]:
    """Return namespace → what a Tenant's status counts there: instances, lost, missing, uninjected."""
    rows = said_of_tenant(tenant).claims or ()
    return {row.namespace: _figures(row) for row in rows if row.state == "Claimed"}


def _figures(row: Claim) -> dict[str, int]:
    said = {"instances": row.instances, "lost": row.lost, "missing": row.missing, _UNINJECTED: row.uninjected}
    return {name: count for name, count in said.items() if count is not None}


def _counted(namespace: str, said: Mapping[str, Mapping[str, int]], snapshot: TenancySnapshot) -> dict[str, int]:
    """What was counted; what was not is as it was said before."""
    before = said.get(namespace, {})
    instances = snapshot.instances.get(namespace, {key: before[key] for key in before if key != _UNINJECTED})
    looked = snapshot.uninjected
    uninjected = before.get(_UNINJECTED) if looked is None else looked.get(namespace)
    amount = snapshot.amounts.get(namespace, NOTHING)
    there = {_UNINJECTED: uninjected or 0, "prompts": amount.prompts, "versions": amount.versions}
    return {**instances, **{name: count for name, count in there.items() if count}}


def _row(
    claimant: _Claimant, namespace: str, winner: str | None, existing: frozenset[str], figures: Mapping[str, int]
) -> Claim:
    if winner != claimant.name:
        return Claim(namespace=namespace, state="Conflict", holder=winner)
    if namespace not in existing:
        return Claim(namespace=namespace, state="Absent")
    return Claim(
        namespace=namespace,
        state="Claimed",
        instances=figures.get("instances"),
        lost=figures.get("lost"),
        missing=figures.get("missing"),
        uninjected=figures.get(_UNINJECTED),
        prompts=figures.get("prompts"),
        versions=figures.get("versions"),
    )


def _conditions(
    claimant: _Claimant, rows: tuple[Claim, ...], protected: frozenset[str]
) -> tuple[Statement, tuple[Statement, ...]]:
    generation = generation_of(claimant.manifest)
    if claimant.wrong is not None:
        reason, message = reasons.INVALID_SPEC, claimant.wrong.sentence
    elif conflicts := [_conflict(row, protected) for row in rows if row.state == "Conflict"]:
        reason, message = reasons.TENANT_CONFLICT, "; ".join(conflicts)
    else:
        return Statement("Ready", "True", reasons.CLAIMED, _claimed(rows), generation), ()
    return (
        Statement("Ready", "False", reason, message, generation),
        (Statement("Stalled", "True", reason, message, generation),),
    )


def _missed(rows: tuple[Claim, ...], generation: int) -> tuple[Statement, ...]:
    lacking = [f'{row.uninjected} in namespace "{row.namespace}"' for row in rows if row.uninjected]
    if not lacking:
        return ()
    message = (
        f"pods ask for a sidecar and have none, {', '.join(lacking)}: made before the injector, or while it was away;"
        " make them anew (kubectl rollout restart)"
    )
    return (Statement("InjectionMissed", "True", reasons.INJECTION_MISSED, message, generation),)


def _conflict(row: Claim, protected: frozenset[str]) -> str:
    namespace = row.namespace
    if namespace in protected:
        return f'namespace "{namespace}" is protected and cannot be claimed: remove it from spec.namespaces'
    return f'namespace "{namespace}" is held by tenant "{row.holder}": remove it from the spec.namespaces of one of the two'


def _claimed(rows: tuple[Claim, ...]) -> str:
    claimed = sum(row.state == "Claimed" for row in rows)
    absent = [row.namespace for row in rows if row.state == "Absent"]
    message = f"{claimed} of {len(rows)} namespaces claimed"
    return f"{message}; not in the cluster yet: {', '.join(absent)}" if absent else message
