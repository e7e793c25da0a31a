"""Puts a backup back: what others refer to first, and each Prompt's status before it asks for anything.

A Prompt that asked at once would be decided on without its memory: a version that was never let in would be activated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Final

from promptops.api.v1alpha1 import API_VERSION, GROUP, KINDS, VERSION
from promptops.cluster.errors import Conflict, Forbidden, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS, NAMESPACES, PROMPT_VERSIONS, PROMPTS, SECRETS, TENANTS, Resource
from promptops.domain.backup.plan import Restoration, plan
from promptops.domain.backup.records import (
    OWNED_ANNOTATION,
    RESTORING_ANNOTATION,
    Record,
    asks_for_nothing_yet,
    is_owned,
    title,
)
from promptops.domain.manifests import Manifest, mapping, metadata, name_of, status_of, text, uid_of
from promptops.domain.ownership import owner_uids, prompt_of

MANAGER: Final = "promptops-restore"
"""Field manager of what a restore writes."""
_ROUNDS: Final = 20
"""The operator writes statuses meanwhile: each write is tried again on what the object is then."""
_RESOURCES: Final = {each.kind: each for each in (SECRETS, TENANTS, CONFIG_MAPS, PROMPT_VERSIONS, PROMPTS)}


class CannotRestore(Exception):
    """The cluster is not as a restore needs it; the message says what to do."""


@dataclass(frozen=True)
class Restorer:
    """Compares a backup with a cluster, and puts it there."""

    objects: Objects
    with_status: bool = True
    """Whether statuses are written, which needs the right to; without them everything is decided anew."""

    async def check(self, records: tuple[Record, ...], *, create_namespaces: bool) -> tuple[str, ...]:
        """Return the namespaces that are missing. Raises CannotRestore: definitions, or namespaces nobody wants made, are missing."""
        wanted = {kind.NAMES.plural for kind in KINDS}
        if missing := wanted - await self.objects.served_kinds(GROUP, VERSION):
            raise CannotRestore(
                f"the cluster does not know {', '.join(sorted(missing))} of {API_VERSION}: install the chart, or "
                "kubectl apply -f crds/, and restore again"
            )
        names = {text(metadata(each).get("namespace")) for each in records} - {""}
        absent = tuple([name for name in sorted(names) if await self._find(NAMESPACES, None, name) is None])
        if absent and not create_namespaces:
            raise CannotRestore(
                f"there is no namespace {', '.join(absent)}: create what is missing, or add --create-namespaces"
            )
        return absent

    async def plan(
        self, records: Iterable[Record], absent: Iterable[str], *, overwrite: bool
    ) -> tuple[Restoration, ...]:
        """Return what becomes of each object. `absent`: namespaces in which nothing can be yet."""
        nowhere = frozenset(absent)
        return tuple([plan(each, await self._there(each, nowhere), overwrite=overwrite) for each in records])

    async def put_back(self, steps: tuple[Restoration, ...], absent: Iterable[str]) -> AsyncIterator[Restoration]:
        """Carry steps out and yield each that was. Raises CannotRestore and ClusterError; what was done then stays."""
        for name in absent:
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await self.objects.create(NAMESPACES, manifest, manager=MANAGER)
        for step in steps:
            if step.verdict in ("create", "finish", "replace"):
                await self._carry_out(step)
                yield step
        await self._give_owners([step.record for step in steps if step.verdict != "differs"])

    async def _carry_out(self, step: Restoration) -> None:
        record, resource = step.record, _RESOURCES[step.record["kind"]]
        if resource is PROMPTS:
            await self._prompt(record, step.found)
        elif step.found is None:
            created = await self.objects.create(resource, _written(record), manager=MANAGER)
            await self._status(resource, record, created)
        else:
            await self._replace(resource, _written(record), step.found)

    async def _prompt(self, record: Record, found: Manifest | None) -> None:
        bare = asks_for_nothing_yet(record)
        if found is None:
            there: Manifest = await self.objects.create(PROMPTS, bare, manager=MANAGER)
        else:
            there = await self._replace(PROMPTS, bare, found)
        there = await self._status(PROMPTS, record, there)
        await self._replace(PROMPTS, _written(record), there)

    async def _status(self, resource: Resource, record: Record, there: Manifest) -> Manifest:
        """Write what the backup remembers."""
        if not self.with_status or not (said := status_of(record)):
            return there
        status = {**said, "observedGeneration": -1}
        for _ in range(_ROUNDS):
            try:
                return await self.objects.replace_status(resource, there, status, manager=MANAGER)
            except Conflict:
                there = await self._same(resource, there)
                if resource is PROMPT_VERSIONS and "digest" in status_of(there):
                    return there  # the operator was faster, and content that is the same has the same digest
            except Forbidden as error:
                raise CannotRestore(
                    f"the status of {title(record)} may not be written ({error}): without it everything is decided anew, and "
                    "what a Prompt asks for may be served although it was not before: have somebody with the right to "
                    "update it restore, or add --without-status"
                ) from None
        raise CannotRestore(f"{title(record)} kept changing: restore again")

    async def _replace(self, resource: Resource, wanted: Record, there: Manifest) -> Manifest:
        """Make an object say what the backup says; what others marked it with stays."""
        for _ in range(_ROUNDS):
            try:
                return await self.objects.replace(resource, _merged(wanted, there), manager=MANAGER)
            except Conflict:
                there = await self._same(resource, there)
        raise CannotRestore(f"{title(wanted)} kept changing: restore again")

    async def _give_owners(self, records: list[Record]) -> None:
        """Have the versions that were made from a source go with their Prompt again. It has another uid now."""
        for version in records:
            if version["kind"] != "PromptVersion" or not is_owned(version):
                continue
            namespace = version["metadata"]["namespace"]
            prompt = await self._find(PROMPTS, namespace, prompt_of(version))
            there = await self._find(PROMPT_VERSIONS, namespace, name_of(version))
            if prompt is not None and there is not None and not owner_uids(there):
                await self._owned(there, prompt)

    async def _owned(self, there: Manifest, prompt: Manifest) -> None:
        owner = {"apiVersion": API_VERSION, "kind": "Prompt", "name": name_of(prompt), "uid": uid_of(prompt)}
        owners = [{**owner, "controller": True, "blockOwnerDeletion": False}]
        for _ in range(_ROUNDS):
            owned = {**there, "metadata": {**metadata(there), "ownerReferences": owners}}
            try:
                await self.objects.replace(PROMPT_VERSIONS, owned, manager=MANAGER)
                return
            except Conflict:
                there = await self._same(PROMPT_VERSIONS, there)

    async def _same(self, resource: Resource, there: Manifest) -> Manifest:
        """Read an object again. Raises CannotRestore when it is gone, or another one of that name."""
        found = await self._find(resource, metadata(there).get("namespace"), name_of(there))
        if found is None or uid_of(found) != uid_of(there):
            raise CannotRestore(f"{title(there)} was deleted while it was restored: restore again")
        return found

    async def _there(self, record: Record, absent: frozenset[str]) -> Manifest | None:
        namespace = metadata(record).get("namespace")
        return None if namespace in absent else await self._find(_RESOURCES[record["kind"]], namespace, name_of(record))

    async def _find(self, resource: Resource, namespace: Any, name: str) -> Manifest | None:
        try:
            return await self.objects.get(resource, namespace, name)
        except NotFound:
            return None


def _written(record: Record) -> Record:
    """Return an object as people wrote it, without what only a backup says."""
    given = metadata(record)
    annotations = {key: value for key, value in mapping(given.get("annotations")).items() if key != OWNED_ANNOTATION}
    named = {key: value for key, value in given.items() if key != "annotations"}
    named |= {"annotations": annotations} if annotations else {}
    return {**{key: value for key, value in record.items() if key != "status"}, "metadata": named}


def _merged(wanted: Record, there: Manifest) -> Record:
    held, given = metadata(there), metadata(wanted)
    annotations = {key: value for key, value in mapping(held.get("annotations")).items() if key != RESTORING_ANNOTATION}
    marked = {
        "labels": {**mapping(held.get("labels")), **mapping(given.get("labels"))},
        "annotations": {**annotations, **mapping(given.get("annotations"))},
    }
    return {**wanted, "metadata": {**held, **marked}, **({"status": status_of(there)} if "status" in there else {})}
