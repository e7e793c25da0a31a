"""Pods without the sidecar they asked for: counted while this replica leads, and said where whoever runs them looks.

Nothing watches pods: a list of those labels alone, of metadata alone, is next to nothing in a cluster where all is well.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final

from promptops.api import reasons
from promptops.cluster.errors import ClusterError
from promptops.cluster.objects import Objects
from promptops.cluster.resources import NAMESPACES, TENANTS, UNINJECTED_PODS
from promptops.controller.intake.store import ObjectStore
from promptops.controller.publish.publishing import Recorder
from promptops.domain.injection.description import INJECT_LABEL
from promptops.domain.injection.pod import missed
from promptops.domain.snapshot import Transition

PERIOD_SECONDS: Final = 30.0
SOON_SECONDS: Final = 1.0
"""While nothing is known, and nothing is said of who serves for as long."""


class Injections:
    """Looks again and again, and remembers what it found last."""

    def __init__(
        self,
        store: ObjectStore,
        objects: Objects,
        events: Recorder,
        owner_of: Callable[[str], str | None],
        closed: Collection[str],
    ) -> None:
        """`owner_of` tells which Tenant claims a namespace; nobody injects into those that are `closed`."""
        self._store = store
        self._objects = objects
        self._events = events
        self._owner_of = owner_of
        self._closed = closed
        self.missed: Mapping[str, int] | None = None
        """Namespace → pods without the sidecar they asked for; None before the first look of a term."""
        self.changed: Callable[[], None] = lambda: None
        """Called when `missed` says something else."""
        self.looked: Callable[[Mapping[str, int]], None] = lambda missed: None
        """Called after every look."""

    async def run(self, leads: Callable[[], bool]) -> None:
        """Look forever. What cannot be listed now is as it was."""
        while True:
            if leads():
                with suppress(ClusterError):
                    await self.look()
            else:
                self.missed = None
            period = SOON_SECONDS if self.missed is None else PERIOD_SECONDS
            await asyncio.sleep(period * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    async def look(self) -> None:
        """Look once. Raises a ClusterError."""
        listing = await self._objects.list_metadata(UNINJECTED_PODS)
        before, self.missed = self.missed, missed(listing.objects, self._closed)
        for namespace, count in self.missed.items():
            if count > (before or {}).get(namespace, 0):
                self._tell(namespace, count)
        if self.missed != before:
            self.changed()
        self.looked(self.missed)

    def counts(self) -> Mapping[str, int]:
        """Return what was found last, for a scrape."""
        return self.missed or {}

    def _tell(self, namespace: str, count: int) -> None:
        owner = self._owner_of(namespace)
        resource, name = (NAMESPACES, namespace) if owner is None else (TENANTS, owner)
        found = self._store.get(resource.kind, "", name)
        if found is None:
            return
        about = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": found["metadata"]}
        pods = "1 pod has" if count == 1 else f"{count} pods have"
        message = (
            f'{pods} the label {INJECT_LABEL} and no sidecar in namespace "{namespace}": made before the injector,'
            " or while it was away; make them anew (kubectl rollout restart)"
        )
        self._events.record(about, Transition("Warning", reasons.INJECTION_MISSED, message))
