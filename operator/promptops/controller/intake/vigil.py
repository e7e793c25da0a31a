"""Proof that the watches hear what happens. One that does not is started anew; a cluster that went back in time is read anew.

A watch can fall silent without an error: a definition that was deleted and applied again, a connection that a proxy holds
open, etcd restored from a copy. Silence alone says nothing, so whoever was silent is asked what happened meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from promptops.cluster.errors import ClusterError, NotFound
from promptops.cluster.objects import Change, Objects
from promptops.cluster.resources import WATCHED, Resource
from promptops.controller.intake.definitions import outdated
from promptops.controller.intake.store import ObjectStore
from promptops.telemetry.operator import OperatorMetrics

PERIOD_SECONDS = 8.0
"""Twice and a restart are less than 30 seconds."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass
class _Seen:
    """What the last look at a kind found."""

    resource_version: int
    heard: int
    unheard: frozenset[tuple[str, int]] = field(default=frozenset())
    """uid and resourceVersion of what happened and nobody told us."""
    is_listed: bool = True


class Vigil:
    """Looks at every watched kind again and again."""

    def __init__(
        self,
        store: ObjectStore,
        objects: Objects,
        heard: Callable[[], Mapping[Resource, int]],
        restart: Callable[[str], None],
        rewind: Callable[[], None],
        metrics: OperatorMetrics,
    ) -> None:
        """`heard` counts what each watch brought so far; a kind that it has not listed yet is not in it."""
        self._store = store
        self._objects = objects
        self._heard = heard
        self._restart = restart
        self._rewind = rewind
        self._metrics = metrics
        self._seen: dict[Resource, _Seen] = {}
        self._problems: dict[Resource, str] = {}
        self._gone: set[Resource] = set()
        self._outdated: str | None = None

    @property
    def problem(self) -> str | None:
        """Why something that happens may go unnoticed; None when every watch has proved that it hears."""
        return "; ".join(filter(None, (*self._problems.values(), self._outdated))) or None

    async def run(self) -> None:
        """Look forever."""
        while True:
            await self.look()
            await asyncio.sleep(PERIOD_SECONDS)

    async def look(self) -> None:
        """Look at every kind once."""
        await asyncio.gather(*(self._look_at(resource) for resource in WATCHED))
        await self._look_at_definitions()

    async def _look_at_definitions(self) -> None:
        with suppress(ClusterError):
            problem = await outdated(self._objects)
            if problem is not None and problem != self._outdated:
                log.error("definitions are older than this operator", reason=problem)
            self._outdated = problem

    async def _look_at(self, resource: Resource) -> None:
        try:
            now = await self._objects.resource_version(resource)
            doubt = await self._doubt(resource, now)
        except NotFound:
            self._gone.add(resource)
            self._note(resource, f"{resource.plural}.{resource.group} is not served: apply its definition again")
        except ClusterError:
            # Nothing can be said of a watch while the API server is away; its return is noticed elsewhere.
            self._seen.pop(resource, None)
        else:
            self._note(resource, doubt)
            if doubt is not None:
                self._seen.pop(resource, None)
                self._restart(doubt)

    async def _doubt(self, resource: Resource, now: int) -> str | None:
        """Return why a watch has to be started anew."""
        before, heard = self._seen.get(resource), self._heard()
        seen = self._seen[resource] = _Seen(now, heard.get(resource, 0), is_listed=resource in heard)
        if resource in self._gone:
            self._gone.discard(resource)
            return f"{resource.plural} were not served for a while"
        if before is None:
            return None
        if now < before.resource_version:
            self._rewind()
            return f"the resourceVersion of {resource.plural} went back: the cluster was restored"
        if not seen.is_listed:
            return None if before.is_listed else f"the watch of {resource.plural} does not come up"
        if seen.heard != before.heard:
            return None
        changes = await self._objects.changes(resource, before.resource_version)
        seen.unheard = frozenset((each.uid, each.resource_version) for each in changes if not self._knows(each))
        still = {(uid, version) for uid, version in before.unheard if not self._store.knows(uid, version)}
        return f"the watch of {resource.plural} is deaf: it missed {len(still)} changes" if still else None

    def _knows(self, change: Change) -> bool:
        return self._store.knows(change.uid, change.resource_version, deleted=change.is_deletion)

    def _note(self, resource: Resource, problem: str | None) -> None:
        self._metrics.cluster.watch_proved(resource.kind, problem is None)
        if problem is None:
            self._problems.pop(resource, None)
        elif self._problems.get(resource) != problem:
            log.error("not heard what happens", kind=resource.kind, reason=problem)
            self._problems[resource] = problem
