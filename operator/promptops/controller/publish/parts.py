"""The parts that publish what is decided, and the feed by which followers hear of it: who is told of what by whom."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator

from promptops.access.authenticator import Authenticator, Places
from promptops.api.feed import Header, Report, Signed
from promptops.api.limits import PROTECTED_NAMESPACES
from promptops.api.names import feed_host
from promptops.cache.store import Store
from promptops.cluster.client import Client
from promptops.cluster.election import Election
from promptops.cluster.events import EventRecorder
from promptops.cluster.journal import Ring
from promptops.cluster.objects import Objects
from promptops.cluster.tokens import TokenReviewer
from promptops.controller.decide.ledger import Lane
from promptops.controller.decide.queue import KeyedQueue
from promptops.controller.decide.reconciler import wall_clock
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import TENANCY, Key
from promptops.controller.publish.census import CensusRecord
from promptops.controller.publish.certificates import relay_certificate
from promptops.controller.publish.convergence import COUNTS_EVERY_SECONDS, Convergence
from promptops.controller.publish.injections import Injections
from promptops.controller.publish.journal import Journal
from promptops.controller.publish.projections import Projections
from promptops.controller.publish.publishing import EpochRaiser, Publishing
from promptops.controller.publish.standby import Standby
from promptops.controller.publish.tenancy import Tenancy
from promptops.controller.publish.trust import Keys
from promptops.controller.publish.webhook import WebhookCertificate
from promptops.feed.authentication import Caller
from promptops.feed.reports import Reports
from promptops.feed.serve import FeedApp
from promptops.settings.operator import OperatorSettings
from promptops.telemetry.feed import FeedMetrics


class PublishingParts:
    """Everything that publishes. Others decide, with the same store and queue."""

    def __init__(
        self,
        settings: OperatorSettings,
        client: Client,
        objects: Objects,
        keys: Keys,
        *,
        store: ObjectStore,
        queue: KeyedQueue[Key],
        election: Election,
        events: EventRecorder,
        carry_out: Callable[[bytes], Awaitable[bytes]],
        leads_completely: Callable[[], bool],
    ) -> None:
        """`carry_out`: what a worker process does. `leads_completely`: whether everything is published by us."""
        self._election = election
        self._keys = keys
        self._key_seconds = settings.key_seconds
        self._leads_completely = leads_completely
        self.tenancy = Tenancy(store, settings.tenancy_mode, wall_clock)
        self.publishing = Publishing(store, self.tenancy)
        self._reports = Reports(self.publishing.position)
        self.convergence = Convergence(store, self._reports, self.publishing, queue.add_in)
        self.census = CensusRecord(objects, settings.namespace, self.convergence.instances, self.leads)
        self.projections = Projections(objects, carry_out, self.leads, queue.add)
        self.journal = Journal(Ring(objects, settings.namespace), lambda: store.all("Prompt"), self.leads, wall_clock)
        closed = frozenset({*PROTECTED_NAMESPACES, settings.namespace})
        self.injections = Injections(store, objects, events, self.tenancy.owner_of, closed)
        self._webhook = WebhookCertificate(objects, settings.namespace, keys) if settings.webhook else None
        self._relays = relay_certificate(objects, settings.namespace, keys)
        self._epochs = EpochRaiser(self.publishing, election, events)
        host = feed_host(settings.namespace)
        self.standby = Standby(keys, host, settings.token_file, self._leader, leads_completely)
        self._connect(store, queue)

    @property
    def not_ready(self) -> str | None:
        """Why whoever waits for the installation should wait on, although everything is decided."""
        return self._webhook.not_ready if self._webhook is not None else None

    def lasting(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what is started again when it ends, by the name it has in metrics and log."""
        yield "journal", self.journal.run
        yield "convergence", self.convergence.run
        yield "census", self.census.run
        yield "standby", self.standby.run
        yield "projections", self.projections.run
        yield "injections", lambda: self.injections.run(self._leads_completely)
        yield "keys", lambda: self._keys.run(self.leads, self._knows)
        yield "relays", lambda: self._relays.run(self.leads)
        if (webhook := self._webhook) is not None:
            yield "webhook", lambda: webhook.run(self.leads)

    def feed(self, client: Client, relays: frozenset[tuple[str, str]], metrics: FeedMetrics) -> FeedApp:
        """Return what followers are served. `relays`: the accounts that are sent every namespace."""
        places = Places(self.publishing.scope_of, self.tenancy.tenant_of)
        return FeedApp(
            self._served,
            Authenticator(TokenReviewer(client), places, metrics, relays=relays),
            self._reported,
            self._higher_position,
            verifier=self._keys.verifier,
            refusals=metrics.refused,
            scopes=self._served_scopes,
        )

    def published(self, scope: str, names: frozenset[str]) -> None:
        """Something of a scope has become live, by us."""
        self.standby.relay.leave(scope)
        self.convergence.published(scope, names)

    def leads(self) -> bool:
        """Whether this replica does."""
        return self._election.leadership is not None

    def _connect(self, store: ObjectStore, queue: KeyedQueue[Key]) -> None:
        """Tell the parts of each other that cannot be told when they are made."""

        def injections_changed() -> None:
            self.tenancy.changed()
            queue.add(TENANCY, Lane.COUNTING)

        def counted() -> None:
            self.tenancy.changed()
            self.census.changed()

        self.tenancy.figures = self.convergence.figures
        self.tenancy.uninjected = lambda: self.injections.missed
        self.injections.changed = injections_changed
        self.injections.looked = self.convergence.looked_at_pods
        self.publishing.revoked = self.convergence.revoked
        self.convergence.recorded = lambda: self.census.instances
        self.convergence.counted = counted
        store.relations.came_or_went = lambda: queue.add_after(TENANCY, COUNTS_EVERY_SECONDS, Lane.COUNTING)

    def _knows(self, kid: str) -> bool:
        """Tell whether every follower believes a key already; a new leader has not heard them all."""
        return self.convergence.has_heard_all(self._key_seconds) and self._reports.know(kid)

    def _leader(self) -> str | None:
        return None if self.leads() or self.publishing.is_publishing else self._election.leader_address

    def _served(self, scope: str) -> Store | None:
        """What we publish; while we do not, what we hold of what the leader does."""
        return self.publishing.stores(scope) or self.standby.store(scope)

    def _served_scopes(self) -> tuple[str, ...]:
        return tuple({*self.publishing.scopes, *self.standby.relay.scopes()})

    def _reported(self, caller: Caller, report: Report, age_seconds: float) -> int:
        if not self.publishing.is_publishing:
            return self.standby.relay.reported(caller, report, age_seconds)
        return self._reports.record(caller, report, time.monotonic() - age_seconds)

    def _higher_position(self, header: Header, signed: Signed) -> None:
        """A follower proved that somebody published more than we know of: an earlier leader, or a second one."""
        if not self.publishing.is_publishing:
            self.standby.relay.shown(header, signed)
        else:
            self._epochs.shown(header)
