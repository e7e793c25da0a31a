"""One leadership from its beginning to its end: take everything in, decide on everything, then publish all of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from promptops.api.feed import HEARTBEAT_SECONDS
from promptops.cache.signing import Signer
from promptops.cluster.elector import Leadership
from promptops.cluster.errors import ClusterError
from promptops.controller.decide.reconciler import Reconciler
from promptops.controller.intake.relations import prompt_of
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import TENANCY, Key, prompt_key, version_key
from promptops.controller.publish.convergence import Convergence
from promptops.controller.publish.publishing import Publishing
from promptops.feed.origin import Origin
from promptops.telemetry.operator import OperatorMetrics

FIRST_DECISIONS_SECONDS = 30.0
"""A prompt that cannot be decided on keeps the others from being published for no longer than this."""
_RETRY_SECONDS = 1.0

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass
class Terms:
    """Starts and stops terms."""

    store: ObjectStore
    publishing: Publishing
    convergence: Convergence
    reconciler: Reconciler
    metrics: OperatorMetrics
    sync: Callable[[], Awaitable[None]]
    enqueue: Callable[[Key], None]
    signer: Signer
    problem: str | None = None
    """Why the term has not begun; None when it has."""
    is_deciding: bool = False
    """Whether complete lists were taken in since we lead: before, half of the objects would be decided on."""
    _undecided: set[Key] = field(default_factory=set)
    _all_decided: asyncio.Event = field(default_factory=asyncio.Event)
    _heart: asyncio.Task[None] | None = None

    async def start(self, leadership: Leadership) -> None:
        """Begin a term. Nothing is written before complete lists were taken in, nothing published before decisions."""
        log.info("leading", epoch=leadership.epoch, term=leadership.term)
        self.problem = "leading, and taking in complete lists"
        await self._sync()
        origin = Origin(self.signer, leadership.epoch, leadership.term, on_publication=self._published)
        self.reconciler.forget()
        self.convergence.lead()
        self.publishing.fill(origin)
        self.is_deciding = True
        await self._decide_on_everything()
        self.publishing.begin()
        self._heart = asyncio.create_task(_beat(origin))
        self.problem = None
        log.info("publishing", epoch=leadership.epoch, term=leadership.term, prompts=len(self.store.names("Prompt")))

    async def stop(self, reason: str) -> None:
        """End the term: write and publish nothing more. What was published goes on being served."""
        log.warning("no longer leading", reason=reason)
        self.is_deciding = False
        self.problem = None
        if self._heart is not None:
            self._heart.cancel()
        self.publishing.stop()
        self._undecided.clear()

    def decided(self, key: Key) -> None:
        """A key was carried out."""
        self._undecided.discard(key)
        if not self._undecided:
            self._all_decided.set()

    def failed(self, key: Key) -> None:
        """A key could not be carried out. It is tried again, and nobody waits for that: its status is served meanwhile."""
        if key in self._undecided:
            self._stand_by_status(key)
            self.decided(key)

    async def _sync(self) -> None:
        while True:
            try:
                await self.sync()
                return
            except ClusterError as error:
                self.problem = f"leading, and cannot list: {error}"
                await asyncio.sleep(_RETRY_SECONDS)

    async def _decide_on_everything(self) -> None:
        prompts = [prompt_key(*name) for name in self.store.names("Prompt")]
        self._undecided = {TENANCY, *prompts}
        self._all_decided.clear()
        self.problem = "leading, and deciding on every prompt"
        self.enqueue(TENANCY)
        for key in prompts:
            self.enqueue(key)
        for version in self.store.all("PromptVersion"):
            # The others follow from their prompts.
            namespace, name = version["metadata"]["namespace"], version["metadata"]["name"]
            if self.store.get("Prompt", namespace, prompt_of(version)) is None:
                self.enqueue(version_key(namespace, name))
        try:
            async with asyncio.timeout(FIRST_DECISIONS_SECONDS):
                await self._all_decided.wait()
        except TimeoutError:
            log.warning("some prompts could not be decided on and are served as before", count=len(self._undecided))
            # A whole index without them would take them from everybody who renders them.
            for key in self._undecided:
                self._stand_by_status(key)

    def _stand_by_status(self, key: Key) -> None:
        if key.kind != "Prompt":
            return
        try:
            self.reconciler.stand_by_status(key)
        except Exception as error:
            log.error("neither decided on nor served", namespace=key.namespace, prompt=key.name, exc_info=error)

    def _published(self, scope: str, names: frozenset[str]) -> None:
        self.metrics.feed_publications.inc()
        namespace = self.publishing.namespace_of(scope)
        if namespace is not None:
            for name in names:
                self.enqueue(prompt_key(namespace, name))


async def _beat(origin: Origin) -> None:
    while True:
        origin.heartbeat()
        await asyncio.sleep(HEARTBEAT_SECONDS)
