"""Hands decisions to the origin of this term: which scopes there are, and what each serves. The origin remembers; nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from promptops.api.feed import Blob, Header, Position
from promptops.cache.signing import Signer
from promptops.cache.store import Store
from promptops.cluster.elector import Leadership, LostLease
from promptops.cluster.errors import ClusterError
from promptops.cluster.resources import LEASES
from promptops.controller.intake.store import ObjectStore
from promptops.controller.publish.tenancy import Tenancy
from promptops.domain.manifests import Manifest
from promptops.domain.snapshot import PromptOutcome, Transition
from promptops.feed.origin import Origin

NOT_LEADING = "NotLeading"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Publishing:
    """Serves from the origin of the term that we lead; from none while we do not."""

    def __init__(self, store: ObjectStore, tenancy: Tenancy) -> None:
        self._store = store
        self._tenancy = tenancy
        self._origin: Origin | None = None
        self.revoked: Callable[[str, str], None] = lambda scope, namespace: None
        """Told of a scope that is no more, and of the name that its namespace had."""

    @property
    def is_publishing(self) -> bool:
        """Whether we lead, so that decisions are published as soon as their namespace has begun."""
        return self._origin is not None

    def fill(self, origin: Origin) -> tuple[str, ...]:
        """Start a term: decisions go to `origin`. Returns the namespaces to begin() once each of their prompts was decided."""
        self._origin = origin
        return self.follow_tenancy()

    def begin(self, namespace: str) -> None:
        """Publish a namespace: each of its prompts was decided on, or stands by its status."""
        scope = self.scope_of(namespace)
        if self._origin is not None and scope in self._origin.scopes:
            self._origin.begin(scope)

    def raise_epoch(self, epoch: int) -> None:
        """Publish everything again, above whatever an earlier leader can have published."""
        if self._origin is not None:
            self._origin.raise_epoch(epoch)

    def renew(self, signer: Signer) -> None:
        """Sign with another key from now on."""
        if self._origin is not None:
            self._origin.renew(signer)

    def stop(self) -> None:
        """Somebody else may lead now: send the followers away, and neither publish nor serve nor confirm anything."""
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.end(NOT_LEADING)

    def scope_of(self, namespace: str) -> str | None:
        """Return the uid of a namespace that is there."""
        found = self._store.get("Namespace", "", namespace)
        return str(found["metadata"]["uid"]) if found is not None else None

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope of this term."""
        return self._origin.scopes if self._origin is not None else ()

    def namespace_of(self, scope: str) -> str | None:
        """Return the name of the namespace that a scope of this term is."""
        return self._origin.namespace_of(scope) if self._origin is not None else None

    def changed_at(self, scope: str, name: str) -> Position | None:
        """Return the position that brought what is served under a name now."""
        return self._origin.changed_at(scope, name) if self._origin is not None else None

    def position(self, scope: str) -> Position | None:
        """Return where a scope stands."""
        return self._origin.position(scope) if self._origin is not None else None

    def is_terminating(self, namespace: str) -> bool:
        """Tell whether a namespace is on its way out: its index stays as it is, its draining pods still render."""
        found = self._store.get("Namespace", "", namespace)
        return found is not None and bool(found["metadata"].get("deletionTimestamp"))

    def stores(self, scope: str) -> Store | None:
        """Return what is served to a scope."""
        return self._origin.store(scope) if self._origin is not None else None

    def follow_tenancy(self) -> tuple[str, ...]:
        """Open, freeze, close and revoke scopes as tenancy says; return the namespaces that changed hands."""
        origin = self._origin
        if origin is None:
            return ()
        changed: list[str] = []
        for scope in origin.scopes:
            namespace = origin.namespace_of(scope) or ""
            if self.scope_of(namespace) != scope:
                origin.revoke(scope)
                self.revoked(scope, namespace)
                changed.append(namespace)
        for manifest in self._store.all("Namespace"):
            namespace, scope = manifest["metadata"]["name"], manifest["metadata"]["uid"]
            if self._move(origin, namespace, scope):
                changed.append(namespace)
        return tuple(dict.fromkeys(changed))

    def publish(self, prompt: Manifest, outcome: PromptOutcome) -> None:
        """Serve what was decided about a prompt, or nothing."""
        namespace, name = prompt["metadata"]["namespace"], prompt["metadata"]["name"]
        if outcome.entry is None:
            self.withdraw(namespace, name)
            return
        scope = self.scope_of(namespace)
        if self._origin is not None and scope in self._origin.scopes:
            lacking = self._origin.lacking(scope, outcome.entry) & outcome.contents.keys()
            # Most of what an entry names is there already: unpacking it at each decision would cost more than the decision.
            contents = ((digest, outcome.contents[digest].canonical or b"") for digest in lacking)
            self._origin.put(scope, outcome.entry, [Blob(digest, content.decode()) for digest, content in contents])

    def withdraw(self, namespace: str, name: str) -> None:
        """Serve nothing under this name any more."""
        scope, uid = self.scope_of(namespace), self._uid(namespace, name)
        if self._origin is not None and scope is not None and uid is not None:
            self._origin.remove(scope, name, uid)

    def is_published(self, namespace: str, name: str) -> bool:
        """Tell whether anything is served under a name."""
        return self._uid(namespace, name) is not None

    def published_revision(self, namespace: str, name: str) -> int | None:
        """Return the revision that followers of this term are offered."""
        scope = self.scope_of(namespace)
        if self._origin is None or scope is None:
            return None
        entry = self._origin.published(scope, name)
        return entry.revision if entry is not None else None

    def _uid(self, namespace: str, name: str) -> str | None:
        scope = self.scope_of(namespace)
        return self._origin.wanted_uid(scope, name) if self._origin is not None and scope is not None else None

    def _move(self, origin: Origin, namespace: str, scope: str) -> bool:
        """Bring one scope to where it should be; say whether its tenant changed."""
        tenant, held_by = self._tenancy.tenant_of(namespace), origin.tenant_of(scope)
        if tenant is None:
            origin.close(scope)
            return held_by is not None
        origin.open(scope, namespace, tenant, self._tenancy.rules_of(namespace).renders_per_second_per_pod or 0)
        if self.is_terminating(namespace):
            origin.freeze(scope)
        return tenant != held_by


class Lease(Protocol):
    """The Lease that we lead by."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def namespace(self) -> str:
        """The namespace it lies in."""

    async def raise_epoch(self, above: int) -> Leadership:
        """Confirm that we lead, and move to a higher epoch. Raises LostLease or a ClusterError."""


class Recorder(Protocol):
    """Who writes Events."""

    def record(self, about: Manifest, transition: Transition) -> None:
        """Have an Event written soon."""


class EpochRaiser:
    """Publishes everything above what an earlier leader, or a second one, can have published once a follower proves that there was one."""

    def __init__(self, publishing: Publishing, lease: Lease, events: Recorder) -> None:
        self._publishing = publishing
        self._lease = lease
        self._events = events
        self._raising: asyncio.Task[None] | None = None

    def shown(self, header: Header) -> None:
        """A follower showed what it holds, signed, of a position that we do not know."""
        if self._raising is None or self._raising.done():
            self._raising = asyncio.create_task(self._raise_above(header))

    async def _raise_above(self, header: Header) -> None:
        position = self._publishing.position(header.scope)
        if position is not None and position > header.position:
            return
        try:
            leadership = await self._lease.raise_epoch(header.epoch)
        except (LostLease, ClusterError) as error:
            log.warning("shown a higher position, and the Lease could not be confirmed", error=str(error))
            return
        self._publishing.raise_epoch(leadership.epoch)
        message = (
            f"a follower in namespace {header.namespace} held position ({header.epoch}, {header.term}, {header.seq}), "
            f"above everything known here; everything was published again in epoch {leadership.epoch}"
        )
        log.warning("epoch raised", epoch=leadership.epoch, namespace=header.namespace)
        metadata = {"name": self._lease.name, "namespace": self._lease.namespace}
        about = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}
        self._events.record(about, Transition("Warning", "EpochRaised", message))
