"""The parts of a running operator and who is told of what by whom."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import structlog

from promptops.api.names import LEASE
from promptops.cache.signing import Signer
from promptops.cluster.client import Client
from promptops.cluster.election import Election
from promptops.cluster.errors import ClusterError
from promptops.cluster.events import EventRecorder
from promptops.cluster.objects import Objects
from promptops.cluster.resources import Resource
from promptops.controller.decide.assessor import Assessor
from promptops.controller.decide.queue import KeyedQueue
from promptops.controller.decide.reconciler import Reconciler
from promptops.controller.decide.snapshots import Snapshots
from promptops.controller.decide.term import Terms
from promptops.controller.decide.writing import Writer
from promptops.controller.intake.door import Door, HandOver
from promptops.controller.intake.store import ObjectStore
from promptops.controller.intake.sweeps import Sweeper
from promptops.controller.intake.vigil import Vigil
from promptops.controller.intake.watch import Watch
from promptops.controller.keys import Key, namespace_of
from promptops.controller.publish.parts import PublishingParts
from promptops.controller.publish.trust import Keys
from promptops.settings.operator import OperatorSettings
from promptops.telemetry.operator import OperatorMetrics
from promptops.telemetry.supervision import Supervisor
from promptops.trials.process import WorkerProcess
from promptops.web.limits import Limits
from promptops.web.listeners import bound_to
from promptops.web.server import Listener, Server

FEED_GRACE_SECONDS = 2
"""So long a follower may take to finish a call when the operator ends."""
_WATCH_END_SECONDS = 1.0

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Assembly:
    """Everything that runs once the kinds are served and the keys are there."""

    def __init__(
        self,
        settings: OperatorSettings,
        client: Client,
        objects: Objects,
        keys: Keys,
        metrics: OperatorMetrics,
        feed_limits: Limits,
    ) -> None:
        self._metrics = metrics
        self._client = client
        self._objects = objects
        self._events = EventRecorder(client, settings.identity, is_held=lambda: self._queue.is_holding)
        self._store = ObjectStore()
        self._queue: KeyedQueue[Key] = KeyedQueue(self._reconcile, namespace_of)
        self._door = Door(self._store, self._queue.add, lambda: self._parts.tenancy.changed())
        self._sweeper = Sweeper(self._store, objects, self._door.ingest, metrics)
        self._election = Election(
            client.connection, settings.namespace, LEASE, settings.identity, address=settings.advertised_address
        )
        self._worker = WorkerProcess()
        self._assessor = Assessor(self._store.contents, self._worker.carry_out, self._queue.add)
        self._parts = PublishingParts(
            settings,
            client,
            objects,
            keys,
            store=self._store,
            queue=self._queue,
            election=self._election,
            events=self._events,
            carry_out=self._worker.carry_out,
            leads_completely=lambda: self._leads_completely,
        )
        self._reconciler = self._make_reconciler()
        self._terms = self._make_terms(keys.signer)
        self._keys = keys
        app = self._parts.feed(client, settings.relays, metrics.feed)
        self._streams = app.streams
        listener = Listener("feed", bound_to(settings.feed_address), app, feed_limits, keys.encryption)
        self._feed = Server(listener, metrics.process, FEED_GRACE_SECONDS)
        self._loop = asyncio.get_running_loop()
        self._watch = Watch(
            client.connection, HandOver(self._loop, self._door.ingest), self._relisted, self._watch_restarted
        )
        self._vigil = Vigil(
            self._store, objects, lambda: self._watch.heard, self._watch.restart, self._restored, metrics
        )
        self._was_ready = False
        self._connect()

    @property
    def not_ready(self) -> str | None:
        """Why nothing can be served or taken over yet; None once it could. An API server that goes away changes
        nothing; a cluster that goes unheard, or another operator in it, does."""
        if not self._was_ready:
            why = self._unready() or self._watch.problem
            self._was_ready = why is None
            return why
        return self._election.rival or self._vigil.problem

    async def run(self) -> None:
        """Run everything, forever."""
        await self._feed.start()
        self._watch.start()
        supervisor = Supervisor(self._metrics.process)
        async with asyncio.TaskGroup() as group:
            for name, run in self._lasting():
                group.create_task(supervisor.keep(name, run))
            # What these two have under way cannot be taken up again: their end is the operator's, and another one leads.
            group.create_task(self._queue.run())
            group.create_task(self._election.run(self._terms.start, self._terms.stop))

    def _lasting(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what is started again when it ends, by the name it has in metrics and log."""
        yield "assessor", self._assessor.run
        yield "events", self._events.run
        yield "sweeper", self._sweeper.run
        yield "vigil", self._vigil.run
        yield from self._parts.lasting()

    async def end(self) -> None:
        """Send the followers away, let another replica lead, and stop listening and watching."""
        await self._parts.census.end()
        self._streams.close("Stopping")
        await asyncio.gather(self._election.release(), self._feed.stop())
        await asyncio.gather(self._election.close(), self._worker.close())
        await asyncio.to_thread(self._watch.stop, _WATCH_END_SECONDS)

    def _make_reconciler(self) -> Reconciler:
        snapshots = Snapshots(
            self._store,
            self._parts.tenancy.tenant_of,
            self._parts.tenancy.rules_of,
            self._parts.convergence.observation,
            self._parts.publishing.published_revision,
            self._assessor.judge,
            self._assessor.mix,
            self._parts.tenancy.gifts_of,
            self._parts.projections.report_of,
        )
        return Reconciler(
            store=self._store,
            snapshots=snapshots,
            tenancy=self._parts.tenancy,
            publishing=self._parts.publishing,
            projections=self._parts.projections,
            objects=self._objects,
            writer=Writer(self._store, self._objects, self._metrics, self._parts.leads, self._door.ingest),
            events=self._events,
            metrics=self._metrics,
            is_deciding=lambda: self._terms.is_deciding,
            ingest=self._door.ingest,
            enqueue=self._queue.add,
            enqueue_after=self._queue.add_after,
            decided=lambda key: self._terms.decided(key),
            changed_hands=lambda namespaces: self._terms.wait_for(namespaces),
            assessor=self._assessor,
            journal=self._parts.journal,
        )

    def _make_terms(self, signer: Signer) -> Terms:
        return Terms(
            store=self._store,
            publishing=self._parts.publishing,
            convergence=self._parts.convergence,
            reconciler=self._reconciler,
            leads=self._parts.leads,
            sync=self._take_in,
            enqueue=self._queue.add,
            on_publication=self._published,
            signer=signer,
            renewed_seconds_ago=lambda: self._election.renewed_seconds_ago,
            # What was taken in stays, or goes without any search for garbage: it refers to nothing that refers to it.
            begun=gc.freeze,
        )

    def _connect(self) -> None:
        """Tell the parts of each other that cannot be told when they are made."""
        self._keys.changed = self._keys_changed
        self._streams.announce(self._keys.announcement)
        self._queue.failed = self._reconcile_failed
        self._queue.waited = lambda lane, seconds: self._metrics.decisions.waited(lane.name.lower(), seconds)
        self._queue.retry_after = lambda error: getattr(error, "retry_after", None) or 0.0
        self._sweeper.restored = self._restored
        self._client.returned = lambda: self._sweeper.request("returned")
        gauges = self._metrics.gauges
        gauges.watch_depth(lambda: float(len(self._queue)))
        gauges.watch_subscribers(lambda: self._streams.subscribers)
        gauges.watch_leadership(lambda: self._election.leadership is not None)
        gauges.watch_phases(self._phases)
        gauges.watch_instances(self._parts.convergence.states)
        gauges.watch_uninjected(self._parts.injections.counts)
        gauges.watch_thresholds(lambda: self._parts.tenancy.thresholds() if self._election.leadership else {})
        gauges.watch_usage(lambda: self._parts.tenancy.usage() if self._election.leadership else {})
        gauges.watch_stalled(self._stalled)

    def _unready(self) -> str | None:
        if self._election.leadership is not None:
            return self._terms.problem or self._parts.not_ready
        if self._election.problem is not None:
            return f"the Lease cannot be had: {self._election.problem}"
        return self._parts.standby.problem if self._election.holder else "waiting for the Lease"

    async def _take_in(self) -> None:
        """What a term begins with: new sidecars are told whom to believe, and everything is listed. Raises a ClusterError."""
        await self._keys.look(leading=True)
        await self._parts.census.read()
        await self._sweeper.sync()

    def _keys_changed(self) -> None:
        self._streams.announce(self._keys.announcement)
        self._parts.standby.renew()
        if self._terms.signer.kid != self._keys.signer.kid:
            self._terms.signer = self._keys.signer
            self._parts.publishing.renew(self._keys.signer)

    @property
    def _leads_completely(self) -> bool:
        return self._parts.leads() and self._parts.publishing.is_publishing and self._terms.problem is None

    async def _reconcile(self, key: Key) -> bool:
        return await self._reconciler.reconcile(key)

    def _published(self, scope: str, names: frozenset[str]) -> None:
        self._metrics.decisions.published()
        self._parts.published(scope, names)

    def _reconcile_failed(self, key: Key, error: Exception, delay: float) -> None:
        self._terms.failed(key)
        log.warning(
            "reconcile failed",
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            error=error.for_logs if isinstance(error, ClusterError) else type(error).__name__,
            retry_after_seconds=round(delay, 1),
            exc_info=None if isinstance(error, ClusterError) else error,
        )

    def _relisted(self, resource: Resource) -> None:
        self._loop.call_soon_threadsafe(self._sweeper.relisted, resource)

    def _restored(self) -> None:
        log.error("the cluster went back in time, as after a restore of etcd: everything is read and decided anew")
        self._store.rewind()
        self._sweeper.request("restored")
        self._watch.restart("the cluster was restored")

    def _watch_restarted(self) -> None:
        self._loop.call_soon_threadsafe(self._metrics.cluster.watch_restarted)

    def _phases(self) -> Counter[str]:
        return Counter(standing.phase for _, standing in self._store.standings())

    def _stalled(self) -> int:
        return sum(standing.is_stalled for _, standing in self._store.standings())
