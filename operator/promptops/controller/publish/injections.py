"""Pods without the sidecar they asked for: counted while this replica leads, and said where whoever runs them looks. And pods
that run with one, of which those are missed that nobody hears of.

Nothing watches pods: lists by our labels alone, of metadata alone, seldom enough to cost next to nothing in any cluster.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final

from promptops.api import reasons
from promptops.cluster.errors import ClusterError
from promptops.cluster.objects import Objects
from promptops.cluster.resources import INJECTED_PODS, NAMESPACES, TENANTS, UNINJECTED_PODS
from promptops.controller.intake.store import ObjectStore
from promptops.controller.publish.attendance import Pods
from promptops.controller.publish.publishing import Recorder
from promptops.domain.injection.description import INJECT_LABEL
from promptops.domain.injection.pod import by_namespace, missed
from promptops.domain.snapshot import Transition

PERIOD_SECONDS: Final = 30.0
SOON_SECONDS: Final = 1.0
"""While nothing is known, and nothing is said of who serves for as long."""
_REST: Final = 50
"""After a look follows a rest of at least so many times what it took."""


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
        self.looked: Callable[[Pods], None] = lambda pods: None
        """Called after every look."""

    async def run(self, leads: Callable[[], bool]) -> None:
        """Look forever. What cannot be listed now is as it was."""
        while True:
            begun = time.monotonic()
            if leads():
                with suppress(ClusterError):
                    await self.look()
            else:
                self.missed = None
            took = time.monotonic() - begun
            period = SOON_SECONDS if self.missed is None else max(PERIOD_SECONDS, took * _REST)
            await asyncio.sleep(period * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    async def look(self) -> None:
        """Look once. Raises a ClusterError."""
        lacking = await self._objects.list_metadata(UNINJECTED_PODS)
        running = (await self._objects.list_metadata(INJECTED_PODS)).objects
        before, self.missed = self.missed, missed(lacking.objects, self._closed)
        for namespace, count in self.missed.items():
            if count > (before or {}).get(namespace, 0):
                self._tell(namespace, count)
        if self.missed != before:
            self.changed()
        self.looked(Pods(self.missed, by_namespace(running), by_namespace(running, ending=True)))

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
