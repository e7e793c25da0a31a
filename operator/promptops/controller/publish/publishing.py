"""Hands decisions to the origin: which scopes there are, what each serves, and which term is served from."""

from __future__ import annotations

from promptops.api.feed import Position
from promptops.cache.store import Store
from promptops.controller.intake.store import ObjectStore
from promptops.controller.publish.tenancy import Tenancy
from promptops.domain.manifests import Manifest
from promptops.domain.snapshot import PromptOutcome
from promptops.feed.origin import Origin


class Publishing:
    """One origin is served from; a new term's origin is filled beside it and takes over whole."""

    def __init__(self, store: ObjectStore, tenancy: Tenancy) -> None:
        self._store = store
        self._tenancy = tenancy
        self._serving: Origin | None = None
        self._filling: Origin | None = None
        self._scopes: dict[str, str] = {}
        """Namespace → scope, for what the filling origin has opened."""
        self._namespaces: dict[str, str] = {}
        self._tenants: dict[str, str] = {}
        """Scope → tenant it was opened for."""
        self._uids: dict[tuple[str, str], str] = {}
        """(scope, prompt) → uid it was published with."""

    @property
    def serving(self) -> Origin | None:
        """The origin that followers are connected to."""
        return self._serving

    @property
    def is_publishing(self) -> bool:
        """Whether the term has begun: everything known was put at least once."""
        return self._filling is not None and self._filling is self._serving

    def fill(self, origin: Origin) -> None:
        """Start a term: decisions go to `origin`, which publishes nothing until begin()."""
        self._filling = origin
        self._scopes.clear()
        self._namespaces.clear()
        self._tenants.clear()
        self._uids.clear()
        self.follow_tenancy()

    def begin(self) -> None:
        """Publish everything, and send the followers of an earlier term's origin over here."""
        before, self._serving = self._serving, self._filling
        if self._serving is not None:
            self._serving.begin()
        if before is not None and before is not self._serving:
            before.end("NewTerm")

    def raise_epoch(self, epoch: int) -> None:
        """Publish everything again, above whatever an earlier leader can have published."""
        if self.is_publishing and self._serving is not None:
            self._serving.raise_epoch(epoch)

    def stop(self) -> None:
        """Publish nothing more; what was published goes on being served."""
        self._filling = None

    def scope_of(self, namespace: str) -> str | None:
        """Return the uid of a namespace that is there."""
        found = self._store.get("Namespace", "", namespace)
        return str(found["metadata"]["uid"]) if found is not None else None

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope of this term."""
        return tuple(self._tenants)

    def namespace_of(self, scope: str) -> str | None:
        """Return the name of the namespace that a scope of this term is."""
        return self._namespaces.get(scope)

    def changed_at(self, scope: str, name: str) -> Position | None:
        """Return the position that brought what is served under a name now."""
        return self._filling.changed_at(scope, name) if self._filling is not None else None

    def position(self, scope: str) -> Position | None:
        """Return where a scope stands."""
        return self._serving.position(scope) if self._serving is not None else None

    def is_terminating(self, namespace: str) -> bool:
        """Tell whether a namespace is on its way out: its index stays as it is, its draining pods still render."""
        found = self._store.get("Namespace", "", namespace)
        return found is not None and bool(found["metadata"].get("deletionTimestamp"))

    def stores(self, scope: str) -> Store | None:
        """Return what is served to a scope."""
        return self._serving.store(scope) if self._serving is not None else None

    def follow_tenancy(self) -> tuple[str, ...]:
        """Open, freeze, close and revoke scopes as tenancy says; return the namespaces that changed hands."""
        if self._filling is None:
            return ()
        changed: list[str] = []
        for namespace, scope in tuple(self._scopes.items()):
            if self.scope_of(namespace) != scope:
                self._filling.revoke(scope)
                self._drop(namespace, scope)
                changed.append(namespace)
        for manifest in self._store.all("Namespace"):
            namespace, scope = manifest["metadata"]["name"], manifest["metadata"]["uid"]
            if self._move(namespace, scope, self._tenancy.tenant_of(namespace)):
                changed.append(namespace)
        return tuple(changed)

    def publish(self, prompt: Manifest, outcome: PromptOutcome) -> None:
        """Serve what was decided about a prompt, or nothing."""
        namespace, name = prompt["metadata"]["namespace"], prompt["metadata"]["name"]
        if outcome.entry is None:
            self.withdraw(namespace, name)
            return
        scope = self.scope_of(namespace)
        if self._filling is None or scope is None or scope not in self._tenants:
            return
        self._filling.put(scope, outcome.entry, outcome.blobs)
        self._uids[scope, name] = outcome.entry.uid

    def withdraw(self, namespace: str, name: str) -> None:
        """Serve nothing under this name any more."""
        scope = self.scope_of(namespace)
        uid = self._uids.pop((scope, name), None) if scope is not None else None
        if self._filling is not None and scope is not None and uid is not None:
            self._filling.remove(scope, name, uid)

    def is_published(self, namespace: str, name: str) -> bool:
        """Tell whether anything is served under a name."""
        return (self.scope_of(namespace), name) in self._uids

    def published_revision(self, namespace: str, name: str) -> int | None:
        """Return the revision that followers of this term are offered."""
        scope = self.scope_of(namespace)
        if self._filling is None or scope is None:
            return None
        entry = self._filling.published(scope, name)
        return entry.revision if entry is not None else None

    def _move(self, namespace: str, scope: str, tenant: str | None) -> bool:
        """Bring one scope to where it should be; say whether its tenant changed."""
        if self._filling is None or tenant == self._tenants.get(scope):
            if self.is_terminating(namespace) and self._filling is not None:
                self._filling.freeze(scope)
            return False
        if tenant is None:
            self._filling.close(scope)
            self._drop(namespace, scope)
            return True
        self._filling.open(scope, namespace, tenant)
        if self.is_terminating(namespace):
            self._filling.freeze(scope)
        self._scopes[namespace] = scope
        self._namespaces[scope] = namespace
        self._tenants[scope] = tenant
        return True

    def _drop(self, namespace: str, scope: str) -> None:
        self._scopes.pop(namespace, None)
        self._namespaces.pop(scope, None)
        self._tenants.pop(scope, None)
        for key in [key for key in self._uids if key[0] == scope]:
            del self._uids[key]
