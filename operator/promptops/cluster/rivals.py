"""Other operators of the cluster, by their Leases: one cluster has one operator, and whoever is second stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from promptops.cluster import lease as leases
from promptops.cluster.lease import LeaseRecord, Sighting
from promptops.cluster.objects import Objects
from promptops.cluster.resources import LEASES


class Rivals:
    """The Leases of our name in other namespaces."""

    def __init__(
        self, objects: Objects, namespace: str, name: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._objects = objects
        self._namespace = namespace
        self._name = name
        self._monotonic = monotonic
        self._sightings: dict[str, Sighting] = {}

    async def ahead_of(self, ours: Mapping[str, Any], *, leading: bool) -> str | None:
        """Return what keeps us from leading: an operator elsewhere that leads. Of two that lead, the older Lease stays.

        Raises a ClusterError when the API server objects.
        """
        found = await self._objects.named(LEASES, self._name)
        elsewhere = [lease for lease in found if lease["metadata"]["namespace"] != self._namespace]
        now = self._monotonic()
        self._sightings = dict(self._looked_at(elsewhere, now))
        for lease in elsewhere:
            live = not leases.may_take(self._sightings[lease["metadata"]["uid"]], None, now)
            if live and not (leading and _age(ours) < _age(lease)):
                return _told(lease)
        return None

    def _looked_at(self, found: list[dict[str, Any]], now: float) -> list[tuple[str, Sighting]]:
        uids = [lease["metadata"]["uid"] for lease in found]
        return [
            (uid, leases.sighted(self._sightings.get(uid), LeaseRecord.of(lease), now))
            for uid, lease in zip(uids, found, strict=True)
        ]


def _age(lease: Mapping[str, Any]) -> tuple[str, str]:
    metadata = lease["metadata"]
    return metadata["creationTimestamp"], metadata["uid"]


def _told(lease: Mapping[str, Any]) -> str:
    return (
        f"another operator leads from namespace {lease['metadata']['namespace']} ({LeaseRecord.of(lease).holder}): "
        "one cluster has one operator, and this one stands still until the other is removed"
    )
