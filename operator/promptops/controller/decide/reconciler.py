"""Carries decisions out: gather, decide, write status once, then publish what status says. It has no opinion of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.cluster.errors import Invalid, NotFound
from promptops.cluster.events import EventRecorder
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS, NAMESPACES, PROMPT_VERSIONS, PROMPTS, Resource
from promptops.controller.decide.assessor import Assessor, NotJudged, Subject
from promptops.controller.decide.grounds import Grounds
from promptops.controller.decide.ledger import Lane
from promptops.controller.decide.refusals import Refusals
from promptops.controller.decide.snapshots import Snapshots
from promptops.controller.decide.writing import Writer
from promptops.controller.intake.contents import NotAssessed
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import Key, prompt_key, version_key
from promptops.controller.publish.journal import Journal
from promptops.controller.publish.projections import Projections
from promptops.controller.publish.publishing import Publishing
from promptops.controller.publish.tenancy import Tenancy
from promptops.domain.content.assessment import Assess, Assessment
from promptops.domain.manifests import Manifest, status_of
from promptops.domain.reconcile import as_written, decide_prompt, decide_version
from promptops.domain.snapshot import PromptOutcome, PromptSnapshot
from promptops.domain.statuses import said_alone
from promptops.telemetry.operator import OperatorMetrics

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

FOLLOWERS_FIRST_SECONDS = 0.02
"""What is merely said of a decision waits for so long: until those who render have been told of it."""
_MOST_ROUNDS = 8
"""Creations and conflicts after which a key goes back into the queue."""


class TooManyRounds(Exception):
    """An object kept changing while it was decided on; it is tried again later."""


def wall_clock() -> datetime:
    """The time that stands in statuses."""
    return datetime.now(UTC)


@dataclass
class Reconciler:
    """Works on one key at a time, as often as the queue says."""

    store: ObjectStore
    snapshots: Snapshots
    tenancy: Tenancy
    publishing: Publishing
    projections: Projections
    objects: Objects
    writer: Writer
    events: EventRecorder
    metrics: OperatorMetrics
    is_deciding: Callable[[], bool]
    """Whether a term runs: without one nothing is decided, and the next one begins with everything."""
    ingest: Callable[[str, str | None, Manifest], None]
    enqueue: Callable[[Key, Lane], None]
    enqueue_after: Callable[[Key, float], None]
    decided: Callable[[Key], None]
    """Told of a Prompt that was decided on, or is gone."""
    changed_hands: Callable[[tuple[str, ...]], None]
    """Told of namespaces that another tenant holds from now on."""
    assessor: Assessor
    journal: Journal
    now: Callable[[], datetime] = wall_clock
    _grounds: Grounds = field(default_factory=Grounds)
    refusals: Refusals = field(default_factory=Refusals)

    async def reconcile(self, key: Key) -> bool:
        """Decide on what the key names, carry that out, and say whether anything was written.

        Raises a ClusterError when the API server objects, or the renewal of our Lease is late.
        """
        if not self.is_deciding():
            return False
        self.writer.require_lead()
        before = self.writer.count
        started = time.perf_counter()
        outcome = "failed"
        try:
            await self._step(key)
            outcome = "done"
        except NotAssessed as missing:
            self._wait_for(key, (missing.uid,))
            outcome = "waits"
        except NotJudged as missing:
            self._wait_for(key, (missing.subject,))
            outcome = "waits"
        finally:
            self.metrics.decisions.reconciled(key.kind, outcome, time.perf_counter() - started)
        return self.writer.count != before

    def forget(self) -> None:
        """Start anew, as a new leader does."""
        self._grounds.clear()
        self.projections.clear()
        self.journal.begin()

    def stand_by_status(self, key: Key) -> None:
        """Serve what a prompt's status says although it could not be decided on yet."""
        snapshot = self.snapshots.of_prompt(key)
        if snapshot is not None:
            self.publishing.publish(snapshot.prompt, as_written(replace(snapshot, assess=_at_hand(snapshot.assess))))

    def _wait_for(self, key: Key, subjects: Iterable[Subject]) -> None:
        """Work on the key again once these were looked at; its worker does something else meanwhile."""
        lane = Lane.CHANGED if key.kind == "Prompt" else Lane.FOLLOWING
        self.assessor.want(key, lane, subjects)

    async def _step(self, key: Key) -> None:
        match key.kind:
            case "Prompt":
                await self._prompt(key)
            case "PromptVersion":
                await self._version(key)
            case "Tenancy":
                await self._tenancy()

    async def _prompt(self, key: Key) -> None:
        for _ in range(_MOST_ROUNDS):
            if unread := self.snapshots.unread(key):
                for config_map in unread:
                    await self.writer.read_again(CONFIG_MAPS, config_map)
                continue
            if missing := self.snapshots.not_looked_at(key):
                self._wait_for(key, missing)
                return
            snapshot = self.snapshots.of_prompt(key)
            if snapshot is None:
                self._grounds.forget(key)
                self.refusals.forget(key)
                self.projections.forget(key)
                await self._withdraw(key)
                self.decided(key)
                return
            if not self._is_to_be_decided(key):
                return
            snapshot = replace(snapshot, refused=self.refusals.of(key))
            outcome = decide_prompt(snapshot, self.now())
            if await self._is_carried_out(key, snapshot, outcome):
                return
        raise TooManyRounds(f"{key.namespace}/{key.name} kept changing")

    async def _withdraw(self, key: Key) -> None:
        """Serve a deleted prompt no more, unless its whole namespace goes: then its draining pods still render."""
        if self.publishing.is_published(key.namespace, key.name):
            try:
                # The namespace's own event may come later than those of what is deleted with it.
                namespace = await self.objects.get(NAMESPACES, None, key.namespace)
            except NotFound:
                return
            self.ingest(NAMESPACES.kind, None, namespace)
        if not self.publishing.is_terminating(key.namespace):
            if self.publishing.is_published(key.namespace, key.name):
                self.journal.withdrawn(key.namespace, key.name)
            self.publishing.withdraw(key.namespace, key.name)

    def _is_to_be_decided(self, key: Key) -> bool:
        if self.publishing.scope_of(key.namespace) is None:
            # The namespace is heard of any moment now; until then nothing can be said about who holds it.
            self.enqueue_after(key, 1.0)
            return False
        if self.publishing.is_terminating(key.namespace):
            self.decided(key)
            return False
        return True

    async def _is_carried_out(self, key: Key, snapshot: PromptSnapshot, outcome: PromptOutcome) -> bool:
        """Do what was decided. False: something changed on the way, decide again."""
        if outcome.create:
            for manifest in outcome.create:
                await self._create(key, manifest)
            return False
        if outcome.missing and outcome.status != snapshot.prompt.get("status"):
            kind, name = outcome.missing
            if await self.writer.is_there_after_all(_MISSED[kind], key.namespace, name):
                return False
        if outcome.status is not None and not await self.writer.status(PROMPTS, snapshot.prompt, outcome.status):
            return False
        self.publishing.publish(snapshot.prompt, outcome)
        self.projections.want(snapshot.prompt, outcome)
        if outcome.status is not None:
            self.journal.decided(snapshot.prompt, outcome.status)
        self.decided(key)
        for transition in outcome.transitions:
            self.events.record(snapshot.prompt, transition)
        self._look_again(key, snapshot, outcome)
        self._enqueue_versions(key)
        await self.writer.delete(outcome.prune)
        return True

    async def _create(self, key: Key, manifest: dict[str, Any]) -> None:
        refusal = await self.writer.create(manifest)
        if refusal is None:
            self.refusals.forget(key)
        else:
            self.refusals.note(key, refusal)

    def _look_again(self, key: Key, snapshot: PromptSnapshot, outcome: PromptOutcome) -> None:
        seconds = outcome.look_again_seconds
        if seconds is not None:
            if not snapshot.settled:
                seconds = min(seconds, self.store.seconds_to_settle(snapshot.prompt))
            self.enqueue_after(key, max(seconds, 0.05))
        if left := self.refusals.seconds_left(key):
            self.enqueue_after(key, left + 0.05)

    def _enqueue_versions(self, key: Key) -> None:
        """Have those versions decided whose status may follow from what was just decided."""
        prompt = self.store.get("Prompt", key.namespace, key.name)
        if prompt is not None:
            for version in self._grounds.changed(key, prompt, self.snapshots.versions_of(key.namespace, key.name)):
                self.enqueue_after(version_key(key.namespace, version["metadata"]["name"]), FOLLOWERS_FIRST_SECONDS)
            for name in self.snapshots.included_in(prompt):
                self.enqueue(version_key(key.namespace, name), Lane.FOLLOWING)

    async def _version(self, key: Key) -> None:
        for _ in range(_MOST_ROUNDS):
            snapshot = self.snapshots.of_version(key)
            if snapshot is None:
                return
            if snapshot.prompt is not None and not _is_decided(snapshot.prompt):
                return  # what the version is follows from its prompt, which brings it up again
            if snapshot.prompt is None and (seconds := self.store.seconds_to_settle(snapshot.version)):
                # Its prompt is about to arrive, or the version to go as its prompt went: one write, or none.
                self.enqueue_after(key, max(0.05, seconds))
                return
            outcome = decide_version(snapshot, self.now())
            if await self.writer.status(PROMPT_VERSIONS, snapshot.version, outcome.status):
                for transition in outcome.transitions:
                    self.events.record(snapshot.version, transition)
                self._note_grounds(key, snapshot.prompt)
                return
        raise TooManyRounds(f"{key.namespace}/{key.name} kept changing")

    def _note_grounds(self, key: Key, prompt: Manifest | None) -> None:
        version = self.store.get("PromptVersion", key.namespace, key.name)
        if prompt is not None and version is not None:
            below = next(iter(self.store.relations.versions_below(version, 1)), "")
            self._grounds.decided(prompt_key(key.namespace, prompt["metadata"]["name"]), prompt, version, below)

    async def _tenancy(self) -> None:
        for _ in range(_MOST_ROUNDS):
            changed = self.publishing.follow_tenancy()
            self.changed_hands(changed)
            for namespace in {*changed, *self.tenancy.asked_anew()}:
                for name in self.store.relations.prompts_in(namespace):
                    self.enqueue(prompt_key(namespace, name), Lane.CHANGED)
            wanted = self.tenancy.statuses()
            if all([await self._tenant(*each) for each in wanted]):
                return
        raise TooManyRounds("tenants kept changing")

    async def _tenant(self, resource: Resource, tenant: Manifest, status: dict[str, Any]) -> bool:
        """Write one tenant's status. What is wrong with it is no reason to keep the others waiting."""
        try:
            return await self.writer.status(resource, tenant, status)
        except Invalid as error:
            log.error("status refused", tenant=tenant["metadata"]["name"], error=error.for_logs)
            return True


_MISSED = {resource.kind: resource for resource in (PROMPT_VERSIONS, CONFIG_MAPS)}


def _at_hand(assess: Assess) -> Assess:
    def at_hand(version: Manifest) -> Assessment:
        """Of content that was not looked at yet nothing can be offered; whoever holds it goes on."""
        try:
            return assess(version)
        except (NotAssessed, NotJudged):
            return Assessment(None)

    return at_hand


def _is_decided(prompt: Manifest) -> bool:
    """Tell whether a Prompt's status was ever written: the schema's default says -1."""
    return bool(said_alone(PromptStatus, status_of(prompt), "observed_generation") >= 0)
