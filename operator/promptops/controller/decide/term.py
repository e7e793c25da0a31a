"""One leadership from its beginning to its end: take everything in, decide on everything, publish each namespace once that is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from promptops.cache.clock import Clock
from promptops.cache.signing import Signer
from promptops.cluster.elector import Leadership
from promptops.cluster.errors import ClusterError
from promptops.controller.decide.ledger import Lane
from promptops.controller.decide.reconciler import Reconciler
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import TENANCY, Key, prompt_key, version_key
from promptops.controller.publish.convergence import Convergence
from promptops.controller.publish.gate import Gate
from promptops.controller.publish.publishing import Publishing
from promptops.feed.origin import Origin, Publication

FIRST_DECISIONS_SECONDS = 30.0
"""A prompt that cannot be decided on keeps its namespace from being published for no longer than this."""
_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.5
_SAME_SECONDS = 0.1
"""Two clocks that are read one after the other tell the moment of one renewal so differently."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass
class Terms:
    """Starts and stops terms."""

    store: ObjectStore
    publishing: Publishing
    convergence: Convergence
    reconciler: Reconciler
    leads: Callable[[], bool]
    """Whether the Lease is ours at this moment: a term goes on for a little while after it is not."""
    sync: Callable[[], Awaitable[None]]
    enqueue: Callable[[Key, Lane], None]
    on_publication: Publication
    signer: Signer
    renewed_seconds_ago: Callable[[], float | None]
    """How long ago it was sure that nobody else leads; None while the Lease is not ours."""
    begun: Callable[[], None] = lambda: None
    """Told that everything was taken in and decided on, and is published."""
    monotonic: Callable[[], float] = time.monotonic
    clock: Clock = field(default_factory=Clock)
    problem: str | None = None
    """Why the term has not begun; None when it has."""
    is_deciding: bool = False
    """Whether complete lists were taken in since we lead: before, half of the objects would be decided on."""
    gate: Gate = field(init=False)
    _heart: asyncio.Task[None] | None = None
    _decided_on: set[str] = field(default_factory=set)
    """Namespaces to publish as soon as the Lease is ours again: its renewal is late."""

    def __post_init__(self) -> None:
        self.gate = Gate(self._begin)

    async def start(self, leadership: Leadership) -> None:
        """Begin a term. Nothing is written before complete lists were taken in, nothing published before decisions."""
        log.info("leading", epoch=leadership.epoch, term=leadership.term)
        self.problem = "leading, and taking in complete lists"
        await self._sync()
        origin = Origin(self.signer, leadership.epoch, leadership.term, on_publication=self.on_publication)
        self.reconciler.forget()
        self.convergence.lead()
        namespaces = self.publishing.fill(origin)
        self.is_deciding = True
        self._heart = asyncio.create_task(self._beat(origin))
        self.wait_for(namespaces)
        self._decide_on_everything()
        await self._first_decisions()
        self.begun()
        self.problem = None
        log.info("publishing", epoch=leadership.epoch, term=leadership.term, prompts=len(self.store.names("Prompt")))

    async def stop(self, reason: str) -> None:
        """End the term: write, publish, serve and confirm nothing more. Followers go on rendering what they hold."""
        log.warning("no longer leading", reason=reason)
        self.is_deciding = False
        self.problem = None
        if self._heart is not None:
            self._heart.cancel()
        self.gate.clear()
        self._decided_on.clear()
        self.publishing.stop()

    def wait_for(self, namespaces: tuple[str, ...]) -> None:
        """Publish these namespaces, which changed hands, once each of their prompts is decided on."""
        for namespace in namespaces:
            self.gate.close(namespace, self.store.relations.prompts_in(namespace), self.monotonic())

    def decided(self, key: Key) -> None:
        """A prompt was decided on."""
        self.gate.decided(key.namespace, key.name)

    def failed(self, key: Key) -> None:
        """A key could not be carried out. It is tried again, and nobody waits for that: its status is served meanwhile."""
        if key.kind == "Prompt" and self.leads() and self.gate.waits_for(key.namespace, key.name):
            self._stand_by_status(key)

    async def _sync(self) -> None:
        while True:
            try:
                await self.sync()
                return
            except ClusterError as error:
                self.problem = f"leading, and cannot list: {error}"
                await asyncio.sleep(_RETRY_SECONDS)

    def _decide_on_everything(self) -> None:
        self.enqueue(TENANCY, Lane.CHANGED)
        for namespace, name in self.store.names("Prompt"):
            self.enqueue(prompt_key(namespace, name), Lane.CHANGED)
        for namespace, name in self.store.relations.orphans():
            # The others follow from their prompts.
            self.enqueue(version_key(namespace, name), Lane.FOLLOWING)

    async def _first_decisions(self) -> None:
        while self.gate:
            self.problem = f"leading, and deciding on {self.gate.undecided} prompts"
            await asyncio.sleep(_LOOK_SECONDS)

    async def _beat(self, origin: Origin) -> None:
        """Confirm what is published at every renewal, and let nobody wait for ever, while the Lease is ours."""
        confirmed_at = float("-inf")
        while True:
            if self.leads():
                self._catch_up(self.monotonic())
            ago = self.renewed_seconds_ago()
            if ago is not None and (renewed_at := self.clock.now() - ago) > confirmed_at + _SAME_SECONDS:
                confirmed_at = renewed_at
                origin.confirm(renewed_at)
            await asyncio.sleep(_LOOK_SECONDS)

    def _catch_up(self, now: float) -> None:
        late_renewal, self._decided_on = self._decided_on, set()
        for namespace in late_renewal:
            self._begin(namespace)
        late = self.gate.overdue(now, FIRST_DECISIONS_SECONDS)
        if late:
            log.warning("some prompts could not be decided on and are served as before", count=len(late))
        for namespace, name in late:
            self._stand_by_status(prompt_key(namespace, name))

    def _stand_by_status(self, key: Key) -> None:
        try:
            self.reconciler.stand_by_status(key)
        except Exception as error:
            log.error("neither decided on nor served", namespace=key.namespace, prompt=key.name, exc_info=error)
        self.gate.decided(key.namespace, key.name)

    def _begin(self, namespace: str) -> None:
        """Publish a namespace, unless the Lease is not ours at this moment: whoever does not lead publishes nothing."""
        if self.leads():
            self.publishing.begin(namespace)
        else:
            self._decided_on.add(namespace)
