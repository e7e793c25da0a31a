"""Other operators of the cluster, by their Leases: one cluster has one operator, and whoever is second stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from promptops.cluster import lease as leases
from promptops.cluster.lease import LeaseRecord, Sighting
from promptops.cluster.objects import Objects
from promptops.cluster.resources import LEASES

GONE_SECONDS: Final = 60.0
"""So long nobody holds a Lease elsewhere before its operator is gone and not only restarting."""


class Rivals:
    """The Leases of our name in other namespaces."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        name: str,
        monotonic: Callable[[], float] = time.monotonic,
        gone_seconds: float = GONE_SECONDS,
    ) -> None:
        self._objects = objects
        self._namespace = namespace
        self._name = name
        self._monotonic = monotonic
        self._gone_seconds = gone_seconds
        self._sightings: dict[str, Sighting] = {}
        self._held_at: dict[str, float] = {}
        """When each was last seen to be held."""

    async def ahead_of(self, ours: Mapping[str, Any], *, leading: bool) -> str | None:
        """Return what keeps us from leading: an operator elsewhere that leads.

        Of two that lead, the older Lease stays; it is also waited for when it was held a moment ago, for its operator may be restarting.
        Raises a ClusterError when the API server objects.
        """
        found = await self._objects.named(LEASES, self._name)
        elsewhere = [lease for lease in found if lease["metadata"]["namespace"] != self._namespace]
        now = self._monotonic()
        self._sightings = dict(self._looked_at(elsewhere, now))
        held = {uid: now for uid, seen in self._sightings.items() if not leases.may_take(seen, None, now)}
        self._held_at = {uid: at for uid, at in self._held_at.items() if now - at < self._gone_seconds} | held
        for lease in elsewhere:
            uid, is_older = lease["metadata"]["uid"], _age(lease) < _age(ours)
            if uid in held and (is_older or not leading):
                return _told(lease, "leads")
            if uid in self._held_at and is_older and not leading:
                return _told(lease, "led a moment ago")
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


def _told(lease: Mapping[str, Any], does: str) -> str:
    holder = LeaseRecord.of(lease).holder
    return (
        f"another operator {does} from namespace {lease['metadata']['namespace']}{holder and f' ({holder})'}: "
        "one cluster has one operator, and this one stands still until the other is removed"
    )
