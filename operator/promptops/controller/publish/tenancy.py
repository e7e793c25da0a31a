"""Who holds which namespace now, as decided from all tenants and namespaces; scopes follow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from promptops.cluster.resources import TENANTS, Resource
from promptops.controller.intake.store import ObjectStore
from promptops.domain.manifests import Manifest
from promptops.domain.snapshot import (
    NO_GIFTS,
    NO_RULES,
    Amount,
    TenancyOutcome,
    TenancySnapshot,
    TenantGifts,
    TenantRules,
)
from promptops.domain.tenancy import decide_tenancy


class Tenancy:
    """Remembers the last decision until a tenant or a namespace changes."""

    def __init__(self, store: ObjectStore, mode: Literal["Implicit", "Strict"], now: Callable[[], datetime]) -> None:
        self._store = store
        self._mode = mode
        self._now = now
        self._outcome: TenancyOutcome | None = None
        self._asked: Mapping[str, object] = {}
        self._amounts: Mapping[str, Amount] = {}
        self.figures: Callable[[], Mapping[str, Mapping[str, int]]] = dict
        """Namespace → how many instances it has, as far as that may be said now."""
        self.uninjected: Callable[[], Mapping[str, int] | None] = lambda: None
        """Namespace → pods that lack the sidecar they ask for; None while nobody has looked."""

    def changed(self) -> None:
        """Decide anew when next asked."""
        self._outcome = None

    @property
    def holders(self) -> Mapping[str, str]:
        """Namespace → tenant, for every namespace that is admitted."""
        return self._decided().holders

    def tenant_of(self, namespace: str) -> str | None:
        """Return who holds a namespace; None when nobody may serve from it."""
        return self.holders.get(namespace)

    def owner_of(self, namespace: str) -> str | None:
        """Return the Tenant that claims a namespace and holds it; None for one that is its own, or nobody's."""
        holder = self.tenant_of(namespace)
        claims = self._decided().statuses.get(holder or "", {}).get("claims", ())
        return holder if any(row["namespace"] == namespace and row["state"] == "Claimed" for row in claims) else None

    def rules_of(self, namespace: str) -> TenantRules:
        """Return what is asked of what is activated in a namespace, and how much there may be."""
        return self._decided().rules.get(namespace, NO_RULES)

    def asked_anew(self) -> tuple[str, ...]:
        """Return the namespaces of which something else is required or given than when this was last asked."""
        before, outcome = self._asked, self._decided()
        names = outcome.rules.keys() | outcome.gifts.keys()
        self._asked = {name: (outcome.rules.get(name), outcome.gifts.get(name)) for name in names}
        return tuple(sorted(name for name in before.keys() | names if before.get(name) != self._asked.get(name)))

    def gifts_of(self, namespace: str) -> TenantGifts:
        """Return what the Tenant that claims a namespace gives to its prompts."""
        return self._decided().gifts.get(namespace, NO_GIFTS)

    def thresholds(self) -> Mapping[str, Mapping[str, int]]:
        """Return namespace → alert → from where on it fires, where a Tenant says so."""
        return self._decided().thresholds

    def statuses(self) -> tuple[tuple[Resource, Manifest, dict[str, Any]], ...]:
        """Return every tenant with the status it should have."""
        if self._amounts != self._store.relations.amounts():
            self.changed()
        statuses = self._decided().statuses
        tenants = ((name, self._store.get(TENANTS.kind, "", name)) for name in statuses)
        return tuple((TENANTS, tenant, statuses[name]) for name, tenant in tenants if tenant is not None)

    def usage(self) -> Mapping[str, Mapping[str, int]]:
        """Return tenant → what status.usage says, of those that hold a namespace."""
        statuses = self._decided().statuses.items()
        return {name: status["usage"] for name, status in statuses if "usage" in status}

    def _decided(self) -> TenancyOutcome:
        if self._outcome is None:
            self._amounts = self._store.relations.amounts()
            snapshot = TenancySnapshot(
                self._store.all("Tenant"),
                self._store.all("Namespace"),
                self._mode,
                instances=self.figures(),
                uninjected=self.uninjected(),
                amounts=self._amounts,
            )
            self._outcome = decide_tenancy(snapshot, self._now())
        return self._outcome
