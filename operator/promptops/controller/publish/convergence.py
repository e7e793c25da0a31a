"""Has prompts decided anew when it is news who serves them. Coalesced, and never more than a share of one core."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from promptops.api.feed import Position
from promptops.controller.decide.ledger import Lane
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import TENANCY, Key, prompt_key
from promptops.controller.publish.attendance import Attendance, Pods
from promptops.controller.publish.publishing import Publishing
from promptops.domain.convergence import (
    BEFORE_EVERYTHING,
    FORGOTTEN_SECONDS,
    WARM_UP_SECONDS,
    Census,
    Crowd,
    arrives,
    census,
    is_news,
    is_settled,
)
from promptops.domain.snapshot import ServedObservation
from promptops.domain.standing import Standing
from promptops.feed.reports import Reports

COALESCE_SECONDS = 0.03
COUNTS_EVERY_SECONDS = 5.0
"""While some lag, how many is said no more often than this, for one prompt."""
_REST = 10
"""After a look at a scope follows a rest of so many times what the look took."""
_SLICE = 100
"""Prompts looked at before the event loop gets to do something else."""

Enqueue = Callable[[Key, float, Lane], None]
"""Key, in how many seconds, and how urgent."""


class Convergence:
    """Compares what instances report with what each prompt's status says. The status is the memory."""

    def __init__(
        self,
        store: ObjectStore,
        reports: Reports,
        publishing: Publishing,
        enqueue: Enqueue,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._reports = reports
        self._publishing = publishing
        self._enqueue = enqueue
        self._monotonic = monotonic
        self._attendance = Attendance(store, monotonic)
        self._crowds: dict[str, Crowd] = {}
        self._counted_at: dict[Key, float] = {}
        self._changed: dict[str, None] = {}
        self._open: dict[str, set[str]] = {}
        """Scope → names of the prompts of which the next report may be news. Of the others, whom everybody serves and whose status
        says so, nothing is while no instance falls behind: a report then costs as much with ten prompts as with ten thousand."""
        self._level: dict[str, Position] = {}
        """Scope → the position that every instance had reached when what is not open was looked at; none: look at everything."""
        self._wake = asyncio.Event()
        self.censuses: dict[str, Census] = {}
        """Namespace → its instances, as they were last looked at."""
        self.recorded: Callable[[], Mapping[str, int] | None] = lambda: None
        """Scope → instances that the leader before counted; None when it left no record."""
        self.counted: Callable[[], None] = lambda: None
        """Called when another number of instances stands in `censuses`."""
        reports.subscribe(self.changed)

    def lead(self) -> None:
        """A term begins. Nothing is believed at once, and what all had they still have, heard of or not."""
        self._attendance.lead(self.recorded())
        self.censuses.clear()
        self._counted_at.clear()
        self._crowds.clear()
        self._level.clear()

    def has_heard_all(self, patience: float) -> bool:
        """Tell whether everybody of whom anything is known was heard of, and whoever else there may be had the time to be:
        so many seconds, or after which anybody is forgotten."""
        had_time = self._attendance.seconds >= max(WARM_UP_SECONDS, min(patience, FORGOTTEN_SECONDS))
        if not had_time or not (self._attendance.has_looked or self._attendance.seconds >= FORGOTTEN_SECONDS):
            return False
        named = ((scope, self._publishing.namespace_of(scope)) for scope in self._publishing.scopes)
        crowds = [self._crowd(scope, namespace) for scope, namespace in named if namespace is not None]
        return not any(crowd.missing or crowd.unheard for crowd in crowds)

    def changed(self, scope: str) -> None:
        """Something about a scope's instances changed."""
        self._crowds.pop(scope, None)
        self._changed[scope] = None
        self._wake.set()

    def looked_at_pods(self, pods: Pods) -> None:
        """Somebody has looked which pods there are."""
        scopes = {scope: self._publishing.namespace_of(scope) or "" for scope in self._publishing.scopes}
        said = {scope: self._crowd(scope, namespace).lacking for scope, namespace in scopes.items()}
        before = self._attendance.looked(pods)
        self._reports.running = frozenset().union(*pods.sidecars.values())
        for scope, namespace in scopes.items():
            self._crowds.pop(scope, None)
            if before is not None:
                self._reports.forget_pods(scope, before.running(namespace) - pods.running(namespace))
            if before is None or said[scope] != self._crowd(scope, namespace).lacking:
                self._level.pop(scope, None)
                self.changed(scope)

    def revoked(self, scope: str, namespace: str) -> None:
        """A namespace is gone, and whoever followed it; another one may have its name already."""
        self._reports.forget_scope(scope)
        for known in (self._crowds, self._open, self._level):
            known.pop(scope, None)
        if self.censuses.pop(namespace, None) is not None:
            self.counted()

    def published(self, scope: str, names: Iterable[str]) -> None:
        """Another position brought these entries."""
        namespace = self._publishing.namespace_of(scope)
        for name in names if namespace is not None else ():
            self._look_at(namespace or "", name)

    def observation(self, namespace: str, name: str) -> ServedObservation | None:
        """Return what may be said about who serves a prompt; None while nothing may."""
        scope, standing = self._publishing.scope_of(namespace), self._store.standing(namespace, name)
        if scope is None or standing is None:
            return None
        # Whoever asks is about to decide: the status may soon say something else.
        self._open.setdefault(scope, set()).add(name)
        changed_at = self._publishing.changed_at(scope, name)
        if changed_at is not None and self._attendance.all_had(standing):
            changed_at = BEFORE_EVERYTHING
        is_warm = self._attendance.is_warm
        if not is_warm and not self._attendance.has_looked:
            return None
        crowd = self._crowd(scope, namespace)
        observed = crowd.serving(name, standing.uid, standing.revision, changed_at)
        if not is_warm and not observed.total:
            # Nobody was heard yet: that is no sign that nobody is there.
            return None
        if is_warm or changed_at == BEFORE_EVERYTHING or self._has_heard_all(crowd, standing, observed):
            return observed
        return None

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Return what Tenants say of their namespaces' instances; nothing of one that is still being heard of."""
        if not self._attendance.is_warm:
            return {}
        return {
            namespace: {"instances": each.total, "lost": each.lost, "missing": each.missing}
            for namespace, each in self.censuses.items()
        }

    def instances(self) -> Mapping[str, int]:
        """Return scope → how many instances there are, for the next leader: where nobody has counted yet, as many as there were."""
        totals = ((self._publishing.scope_of(namespace), each.total) for namespace, each in self.censuses.items())
        known = {**self._attendance.remembered, **{scope: total for scope, total in totals if scope is not None}}
        there = set(self._publishing.scopes)
        return {scope: total for scope, total in known.items() if scope in there or not self._attendance.is_warm}

    def states(self) -> Mapping[str, Mapping[str, int]]:
        """Return namespace → how many of its instances are heard of, lost and missing."""
        return {
            namespace: {
                "heard": each.total - each.lost - each.missing,
                "lost": each.lost,
                "missing": each.missing,
            }
            for namespace, each in self.censuses.items()
            if each.total
        }

    async def run(self) -> None:
        """Have prompts decided anew, forever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            group.create_task(self._pass_time())

    def _has_heard_all(self, crowd: Crowd, standing: Standing, observed: ServedObservation) -> bool:
        """Tell whether a new leader may speak already: of an instance that has not come back yet it knows too little."""
        if not crowd.positions or crowd.missing or crowd.unheard:
            return False
        return not self._attendance.is_inherited(standing) or not standing.revision or observed.ready == observed.total

    def _crowd(self, scope: str, namespace: str) -> Crowd:
        crowd = self._crowds.get(scope)
        if crowd is None:
            crowd = self._crowds[scope] = Crowd.of(
                self._reports.instances(scope), self._attendance.of(scope, namespace)
            )
        return crowd

    async def _look(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(COALESCE_SECONDS)
            self._wake.clear()
            scopes, self._changed = tuple(self._changed), {}
            started = self._monotonic()
            for scope in scopes:
                await self._compare(scope)
            await asyncio.sleep((self._monotonic() - started) * _REST)

    async def _pass_time(self) -> None:
        """Notice who falls silent, and the moments from which a new leader is believed, and waits for nobody any more."""
        passed = 0.0
        while True:
            await asyncio.sleep(1.0)
            self._reports.sweep(self._monotonic())
            recent = self._monotonic() - COUNTS_EVERY_SECONDS
            self._counted_at = {key: at for key, at in self._counted_at.items() if at > recent}
            for gone in [each for each in self.censuses if self._publishing.scope_of(each) is None]:
                del self.censuses[gone]
            leader_for = self._attendance.seconds
            if any(passed < moment <= leader_for for moment in (WARM_UP_SECONDS, FORGOTTEN_SECONDS)):
                self._level.clear()
                for scope in self._publishing.scopes:
                    self.changed(scope)
                self.counted()
            if passed < WARM_UP_SECONDS <= leader_for:
                # Tenants hear from now on how many instances there are, also where that is no other number than before.
                self._enqueue_count(TENANCY)
            passed = leader_for

    async def _compare(self, scope: str) -> None:
        namespace = self._publishing.namespace_of(scope)
        if namespace is None:
            return
        self._count(scope, namespace)
        names = self._to_look_at(scope, namespace)
        for start in range(0, len(names), _SLICE):
            if self._publishing.namespace_of(scope) is None:
                return
            self._reach(scope, namespace)
            is_open = self._open.setdefault(scope, set())
            is_open.difference_update(
                [name for name in names[start : start + _SLICE] if self._look_at(namespace, name)]
            )
            await asyncio.sleep(0)

    def _to_look_at(self, scope: str, namespace: str) -> tuple[str, ...]:
        """Return the names of the prompts of which there may be news: all of them when anybody may serve less than before."""
        crowd, level = self._crowd(scope, namespace), self._level.get(scope)
        fell_behind = level is None or crowd.lowest < level
        # Whom the leader before knew is given up at some moment; the pods that are missing are looked at as often as others.
        may_be_given_up = crowd.missing and self._attendance.seconds < FORGOTTEN_SECONDS
        if fell_behind or crowd.nacks or may_be_given_up:
            self._level.pop(scope, None)
            return self._store.relations.prompts_in(namespace)
        return tuple(self._open.get(scope, ()))

    def _reach(self, scope: str, namespace: str) -> None:
        """Note how far everybody is: what is closed from now on is open again should anybody be less far."""
        lowest = self._crowd(scope, namespace).lowest
        self._level[scope] = max(lowest, self._level.get(scope, lowest))

    def _count(self, scope: str, namespace: str) -> None:
        counted = census(self._reports.instances(scope), self._attendance.of(scope, namespace), self._monotonic())
        if counted != self.censuses.get(namespace, Census()):
            self.censuses[namespace] = counted
            self.counted()
            self._enqueue_count(TENANCY)

    def _look_at(self, namespace: str, name: str) -> bool:
        """Have a prompt decided if there is news. Return whether there can be none before it changes, or somebody falls behind."""
        standing, observed = self._store.standing(namespace, name), self.observation(namespace, name)
        if standing is None or observed is None:
            return standing is None
        if not is_news(standing, observed):
            return is_settled(standing, observed)
        key = prompt_key(namespace, name)
        if arrives(standing, observed):
            self._enqueue(key, 0.0, Lane.FOLLOWING)
        else:
            self._enqueue_count(key)
        return False

    def _enqueue_count(self, key: Key) -> None:
        """Mere counts wait for each other: the latest is said, and seldom."""
        now, known = self._monotonic(), self._counted_at.get(key, float("-inf"))
        due = known if known > now else max(now, known + COUNTS_EVERY_SECONDS)
        self._counted_at[key] = due
        self._enqueue(key, due - now, Lane.COUNTING)
