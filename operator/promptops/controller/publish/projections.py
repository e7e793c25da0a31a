"""Keeps the ConfigMaps of projections: writes what was decided, and looks now and then whether it is still so.

Nothing watches them: a list of their labels alone is next to nothing, and whoever changes one by hand waits half a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from promptops.api import reasons
from promptops.api.names import PROJECTION_MANAGER
from promptops.api.v1alpha1 import PROJECTION_LABEL
from promptops.cluster.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import PROJECTIONS
from promptops.controller.decide.ledger import Lane, Turns
from promptops.controller.intake.contents import AT_ONCE_BYTES
from promptops.controller.keys import Key, prompt_key
from promptops.domain import projections as maps
from promptops.domain.manifests import Manifest, label, metadata, name_of, text, uid_of
from promptops.domain.snapshot import Projecting, ProjectionReport, PromptOutcome
from promptops.trials.process import WorkFailed
from promptops.trials.work import ProjectionWork, request, text_of

PERIOD_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 2.0
_FIELD_MANAGERS: Final = "FieldManagerConflict"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(slots=True)
class _Wanted:
    key: Key
    uid: str
    projecting: Projecting
    content: bytes
    written: dict[str, str] = field(default_factory=dict)
    """ConfigMap → its resourceVersion once it said so."""
    report: ProjectionReport | None = None

    @property
    def prompt(self) -> Manifest:
        """What a ConfigMap says of the Prompt. The rest of it is kept elsewhere, and as it is now."""
        return {"metadata": {"name": self.key.name, "namespace": self.key.namespace, "uid": self.uid}}


class _Refused(Exception):
    def __init__(self, reason: str, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.final = final


class Projections:
    """What ConfigMaps should say, of every Prompt. Belongs to one event loop."""

    def __init__(
        self,
        objects: Objects,
        carry_out: Callable[[bytes], Awaitable[bytes]],
        leads: Callable[[], bool],
        enqueue: Callable[[Key, Lane], None],
    ) -> None:
        """`carry_out`: what a worker process does. `enqueue`: told of Prompts that have something new to say."""
        self._objects = objects
        self._carry_out = carry_out
        self._leads = leads
        self._enqueue = enqueue
        self._wanted: dict[Key, _Wanted] = {}
        self._due: Turns[Key] = Turns()
        self._wake = asyncio.Event()
        self._sweep_due = True

    def want(self, prompt: Manifest, outcome: PromptOutcome) -> None:
        """Have ConfigMaps say what was decided, soon."""
        projecting = outcome.projecting
        if projecting is None:
            return
        key = prompt_key(text(metadata(prompt).get("namespace")), name_of(prompt))
        before = self._wanted.get(key)
        same = before is not None and before.uid == uid_of(prompt)
        if same and before is not None and before.projecting == projecting:
            return
        found = outcome.contents.get(projecting.digest)
        self._wanted[key] = _Wanted(
            key, uid_of(prompt), projecting, (found.canonical or b"") if found is not None else b""
        )
        if projecting.places:
            self._look_soon(key)
        if same and before is not None and set(before.projecting.config_maps) - set(projecting.config_maps):
            self._wake_for_sweep()

    def forget(self, key: Key) -> None:
        """The Prompt is gone; its ConfigMaps go as what belongs to it."""
        self._wanted.pop(key, None)

    def clear(self) -> None:
        """Start anew, as a new leader does."""
        self._wanted.clear()
        self._sweep_due = True

    def report_of(self, prompt: Manifest) -> ProjectionReport | None:
        """Return what came of a Prompt's projections when they were last looked at."""
        known = self._wanted.get(prompt_key(text(metadata(prompt).get("namespace")), name_of(prompt)))
        return known.report if known is not None and known.uid == uid_of(prompt) else None

    async def run(self) -> None:
        """Write what is due, and look at everything now and then, while this replica leads; forever."""
        while True:
            taken = self._due.take()
            if taken is not None:
                await self._try(taken[1])
                continue
            if self._sweep_due and self._leads():
                self._sweep_due = False
                await self._sweep()
                continue
            self._wake.clear()
            try:
                async with asyncio.timeout(PERIOD_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                self._sweep_due = True

    def _look_soon(self, key: Key) -> None:
        self._due.add(key.namespace, key)
        self._wake.set()

    def _wake_for_sweep(self) -> None:
        self._sweep_due = True
        self._wake.set()

    async def _try(self, key: Key) -> None:
        wanted = self._wanted.get(key)
        if wanted is None or not self._leads():
            return
        try:
            report = await self._written(wanted)
        except ClusterError as error:
            log.warning("projection not written", namespace=key.namespace, prompt=key.name, error=error.for_logs)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._look_soon, key)
            return
        if self._wanted.get(key) is wanted and wanted.report != report:
            wanted.report = report
            self._enqueue(key, Lane.FOLLOWING)
        if report.reason and not report.final:
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._look_soon, key)

    async def _written(self, wanted: _Wanted) -> ProjectionReport:
        """Write every ConfigMap of a Prompt. Raises a ClusterError where trying again may help."""
        said = await self._text(wanted)
        if said.objection:
            message = f"no caller gives values to a ConfigMap, which keeps what it says: {said.objection}"
            return ProjectionReport(wanted.projecting, reasons.PROJECTION_INCOMPLETE, message)
        refused: list[_Refused] = []
        for name in wanted.projecting.config_maps:
            try:
                wanted.written[name] = await self._write(name, wanted, said.text)
            except _Refused as refusal:
                refused.append(refusal)
        if refused:
            first = min(refused, key=lambda each: not each.final)
            return ProjectionReport(wanted.projecting, first.reason, first.message, first.final)
        return ProjectionReport(wanted.projecting)

    async def _text(self, wanted: _Wanted) -> maps.ProjectedText:
        values = wanted.projecting.values
        if len(wanted.content) + len(values) <= AT_ONCE_BYTES:
            found = maps.projected_at_once(wanted.content, values)
            if found is not None:
                return found
        try:
            return text_of(await self._carry_out(request(ProjectionWork(wanted.content, values))))
        except WorkFailed as failure:
            return maps.ProjectedText(objection=f"rendering it fails, {failure}")

    async def _write(self, name: str, wanted: _Wanted, said: str) -> str:
        """Have one ConfigMap say it; return its resourceVersion. Raises _Refused, and a ClusterError."""
        namespace = wanted.key.namespace
        found = await self._find(namespace, name)
        holder = maps.holder_of(found, wanted.prompt)
        if holder == "before":
            message = f'ConfigMap "{name}" is of a Prompt that is gone, and about to go'
            raise _Refused(reasons.PROJECTION_TAKEN, message, final=False)
        if holder == "others":
            raise _taken(name, "is there already, and the operator did not make it")
        manifest = maps.config_map(name, wanted.prompt, wanted.projecting, said, found)
        if found is not None and maps.says(found, manifest):
            return str(metadata(found)["resourceVersion"])
        written = await self._apply(name, manifest)
        log.info("projection written", namespace=namespace, config_map=name, version=wanted.projecting.version)
        return str(metadata(written)["resourceVersion"])

    async def _apply(self, name: str, manifest: Manifest) -> Manifest:
        if not self._leads():
            raise Conflict("another replica leads now, or the renewal of our Lease is late")
        try:
            return await self._objects.apply(PROJECTIONS, manifest, PROJECTION_MANAGER)
        except Conflict as conflict:
            if not any(_FIELD_MANAGERS in each for each in conflict.where):
                raise
            raise _taken(name, f"is also written by others, who say something else: {conflict}") from None
        except (Forbidden, Invalid) as refusal:
            message = f'ConfigMap "{name}" cannot be written: {refusal}'
            raise _Refused(reasons.PROJECTION_REFUSED, message, final=isinstance(refusal, Invalid)) from None

    async def _find(self, namespace: str, name: str) -> Manifest | None:
        try:
            return await self._objects.get(PROJECTIONS, namespace, name)
        except NotFound:
            return None

    async def _sweep(self) -> None:
        """Look at every ConfigMap of ours: what changed is written again, and what nobody wants any more goes."""
        try:
            listing = await self._objects.list_metadata(PROJECTIONS)
            there: dict[tuple[str, str], str] = {}
            for found in listing.objects:
                namespace, name = text(metadata(found).get("namespace")), name_of(found)
                there[namespace, name] = str(metadata(found).get("resourceVersion"))
                wanted = self._wanted.get(prompt_key(namespace, label(found, PROJECTION_LABEL)))
                if wanted is not None and name not in wanted.projecting.config_maps:
                    await self._remove(wanted, namespace, name)
        except ClusterError as error:
            log.warning("projections not looked at", error=error.for_logs)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wake_for_sweep)
            return
        for key, wanted in tuple(self._wanted.items()):
            here = {name: there.get((key.namespace, name)) for name in wanted.projecting.config_maps}
            if here != wanted.written:
                self._look_soon(key)

    async def _remove(self, wanted: _Wanted, namespace: str, name: str) -> None:
        """Take away what was said in a ConfigMap, and the ConfigMap with it unless others are in it. Raises a ClusterError."""
        found = await self._find(namespace, name)
        if found is None or maps.holder_of(found, wanted.prompt) != "us" or not self._leads():
            return
        if maps.is_shared(found):
            await self._objects.apply(PROJECTIONS, maps.nothing(found), PROJECTION_MANAGER)
        else:
            await self._objects.delete(PROJECTIONS, found)
        log.info("projection removed", namespace=namespace, config_map=name)


def _taken(name: str, why: str) -> _Refused:
    message = f'ConfigMap "{name}" {why}: name another one in spec.projections, or remove that one'
    return _Refused(reasons.PROJECTION_TAKEN, message)
