"""Has prompts decided anew when the instances that serve them change. Coalesced, and never more than a share of one core."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from promptops.controller.decide.ledger import Lane
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import Key, prompt_key
from promptops.controller.publish.publishing import Publishing
from promptops.domain.convergence import WARM_UP_SECONDS, believable, served
from promptops.domain.manifests import Manifest
from promptops.domain.snapshot import ServedObservation
from promptops.feed.reports import Reports

COALESCE_SECONDS = 0.03
_REST = 10
"""After a look at a scope follows a rest of so many times what the look took."""
_SLICE = 100
"""Prompts looked at before the event loop gets to do something else."""

_Said = tuple[str, ServedObservation | None]
"""uid of the prompt, and the observation."""


class Convergence:
    """Compares what instances report with what each prompt was last decided on."""

    def __init__(
        self,
        store: ObjectStore,
        reports: Reports,
        publishing: Publishing,
        enqueue: Callable[[Key, Lane], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._reports = reports
        self._publishing = publishing
        self._enqueue = enqueue
        self._monotonic = monotonic
        self._leader_since = monotonic()
        self._said: dict[str, dict[str, _Said]] = {}
        """Namespace → prompt → what it was last decided on."""
        self._changed: dict[str, None] = {}
        self._wake = asyncio.Event()
        reports.subscribe(self.changed)

    def lead(self) -> None:
        """A term begins: nothing is believed at once."""
        self._leader_since = self._monotonic()
        self._said.clear()

    def changed(self, scope: str) -> None:
        """Something about a scope's instances changed."""
        self._changed[scope] = None
        self._wake.set()

    def observation(self, prompt: Manifest) -> ServedObservation | None:
        """Return what may be said about who serves a prompt, to decide on it now."""
        metadata = prompt["metadata"]
        observation = self._observed(prompt)
        self._said.setdefault(metadata["namespace"], {})[metadata["name"]] = (metadata["uid"], observation)
        return observation

    async def run(self) -> None:
        """Have prompts decided anew, forever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            group.create_task(self._pass_time())

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
        """Notice who falls silent, and the moment from which a new leader is believed."""
        was_warm = False
        while True:
            await asyncio.sleep(1.0)
            self._reports.sweep(self._monotonic())
            is_warm = self._monotonic() - self._leader_since >= WARM_UP_SECONDS
            if is_warm and not was_warm:
                for scope in self._publishing.scopes:
                    self.changed(scope)
            was_warm = is_warm

    async def _compare(self, scope: str) -> None:
        namespace = self._publishing.namespace_of(scope)
        if namespace is None:
            return
        names = self._store.relations.prompts_in(namespace)
        said = self._said.setdefault(namespace, {})
        for gone in said.keys() - set(names):
            del said[gone]
        for count, name in enumerate(names, start=1):
            prompt = self._store.get("Prompt", namespace, name)
            if prompt is not None and said.get(name) != (prompt["metadata"]["uid"], self._observed(prompt)):
                self._enqueue(prompt_key(namespace, name), Lane.COUNTING)
            if count % _SLICE == 0:
                await asyncio.sleep(0)

    def _observed(self, prompt: Manifest) -> ServedObservation | None:
        metadata = prompt["metadata"]
        scope = self._publishing.scope_of(metadata["namespace"])
        if scope is None:
            return None
        serving = (prompt.get("status") or {}).get("serving") or {}
        now = self._monotonic()
        observation = served(
            metadata["name"],
            metadata["uid"],
            serving.get("revision", 0),
            self._publishing.changed_at(scope, metadata["name"]),
            self._reports.instances(scope),
            now,
        )
        return believable(observation, prompt, now - self._leader_since)
