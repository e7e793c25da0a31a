"""Compares what is known with complete lists: watches lose deletions, lists do not. Nothing is removed on a hunch."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

import structlog

from promptops.cluster.errors import ClusterError, NotFound
from promptops.cluster.objects import Listing, Objects
from promptops.cluster.resources import WATCHED, Resource
from promptops.controller.intake.door import Ingest
from promptops.controller.intake.store import DELETED, Discrepancy, ObjectStore
from promptops.telemetry.operator import OperatorMetrics

PERIOD_SECONDS = 600.0
CONFIRM_SECONDS = 10.0
"""A kind that shrinks by more than half must do so in a second list that much later."""
_RETRY_SECONDS = 1.0
_FETCH_ONE_BY_ONE = 50
"""More outdated objects than this are fetched by one complete list."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Sweeper:
    """Sweeps on request, one kind at a time, and periodically on its own."""

    restored: Callable[[], None]
    """Told when a list shows that the cluster went back in time."""

    def __init__(self, store: ObjectStore, objects: Objects, ingest: Ingest, metrics: OperatorMetrics) -> None:
        self.restored = lambda: None
        self._store = store
        self._objects = objects
        self._ingest = ingest
        self._metrics = metrics
        self._wanted: dict[Resource, str] = {}
        self._doubted: dict[Resource, Discrepancy] = {}
        """What a first list lacks, and a second one is waited for."""
        self._wake = asyncio.Event()

    def request(self, trigger: str, resources: Iterable[Resource] = WATCHED) -> None:
        """Have kinds swept soon; requests that come together are one."""
        for resource in resources:
            self._wanted.setdefault(resource, trigger)
        self._wake.set()

    @property
    def wanted(self) -> frozenset[Resource]:
        """The kinds that are to be swept soon."""
        return frozenset(self._wanted)

    def relisted(self, resource: Resource) -> None:
        """A watch begins a list: of what was known before, events were lost. When nothing was, that list is read once, by the watch."""
        if self._store.names(resource.kind):
            self.request("relist", (resource,))

    async def sync(self) -> None:
        """Take in a complete list of every kind, and have removed what it does not contain. Raises a ClusterError."""
        for resource in WATCHED:
            newest = self._store.newest(resource.kind)
            listing = await self._whole(resource)
            self._notice_restoration(resource, newest, listing)
            self._metrics.cluster.swept("leading")
            difference = self._store.compare(resource.kind, listing.objects, listing.resource_version)
            for manifest in listing.objects:
                self._ingest(resource.kind, None, manifest)
            self._settle(resource, Discrepancy(difference.gone, (), difference.known))
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Sweep forever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._periodically())
            while True:
                await self._wake.wait()
                self._wake.clear()
                wanted, self._wanted = self._wanted, {}
                for resource, trigger in wanted.items():
                    await self._attempt(group, resource, trigger)
                doubted, self._doubted = self._doubted, {}
                for resource, difference in doubted.items():
                    group.create_task(self._confirm(resource, difference))

    async def _periodically(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            self.request("periodic")

    async def _attempt(self, group: asyncio.TaskGroup, resource: Resource, trigger: str) -> None:
        try:
            self._settle(resource, await self._sweep(resource, trigger))
        except ClusterError:
            # The API server is away; its return is a trigger too, but nobody has to notice it for this to be done.
            group.create_task(self._later(resource, trigger))

    async def _later(self, resource: Resource, trigger: str) -> None:
        await asyncio.sleep(_RETRY_SECONDS)
        self.request(trigger, (resource,))

    async def _sweep(self, resource: Resource, trigger: str) -> Discrepancy:
        """Bring in what is missing or newer, and return what should go."""
        self._metrics.cluster.swept(trigger)
        newest = self._store.newest(resource.kind)
        listing = await self._objects.list_metadata(resource)
        self._notice_restoration(resource, newest, listing)
        difference = self._store.compare(resource.kind, listing.objects, listing.resource_version)
        if len(difference.outdated) > _FETCH_ONE_BY_ONE or resource.by_metadata:
            for manifest in (await self._whole(resource)).objects:
                self._ingest(resource.kind, None, manifest)
            return difference
        for namespace, name in difference.outdated:
            try:
                self._ingest(resource.kind, None, await self._objects.get(resource, namespace or None, name))
            except NotFound:
                continue
        return difference

    async def _whole(self, resource: Resource) -> Listing:
        """Return everything of a kind, as a watch would tell of it."""
        return await (self._objects.list_metadata if resource.by_metadata else self._objects.list)(resource)

    def _notice_restoration(self, resource: Resource, newest: int, listing: Listing) -> None:
        """Notice a cluster that went back in time: a later list from an earlier moment, or an older state of an object."""
        earlier = int(listing.resource_version) < newest
        if earlier or self._store.went_back(resource.kind, listing.objects, listing.resource_version):
            self.restored()

    def _settle(self, resource: Resource, difference: Discrepancy) -> None:
        """Remove what a list lacks, or have a second one taken where that would be a lot."""
        if difference.gone and difference.shrinks_by_half:
            self._doubted.setdefault(resource, difference)
            self._wake.set()
        else:
            self._remove(resource, difference)

    async def _confirm(self, resource: Resource, first: Discrepancy) -> None:
        await asyncio.sleep(CONFIRM_SECONDS)
        uids = {manifest["metadata"]["uid"] for manifest in first.gone}
        try:
            second = await self._sweep(resource, "shrink")
        except ClusterError:
            self.request("shrink", (resource,))
            return
        both = tuple(manifest for manifest in second.gone if manifest["metadata"]["uid"] in uids)
        self._remove(resource, Discrepancy(both, (), second.known))

    def _remove(self, resource: Resource, difference: Discrepancy) -> None:
        if difference.gone or difference.outdated:
            log.info(
                "sweep found what the watch missed",
                kind=resource.kind,
                gone=len(difference.gone),
                outdated=len(difference.outdated),
            )
        for manifest in difference.gone:
            self._ingest(resource.kind, DELETED, manifest)
