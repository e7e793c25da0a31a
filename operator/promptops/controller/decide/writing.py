"""What decisions write: statuses, new versions, deletions. Each on the very state that was decided on, and only while we lead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from promptops.cluster.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import PROMPT_VERSIONS, Resource
from promptops.controller.intake.store import DELETED, ObjectStore
from promptops.domain.manifests import Manifest
from promptops.domain.snapshot import Refusal
from promptops.telemetry.operator import OperatorMetrics

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass
class Writer:
    """Writes, and takes in at once what the API server answers."""

    store: ObjectStore
    objects: Objects
    metrics: OperatorMetrics
    leads: Callable[[], bool]
    ingest: Callable[[str, str | None, Manifest], None]
    count: int = 0
    """How many statuses and objects were written so far."""

    def require_lead(self) -> None:
        """Raise Conflict unless the Lease is ours at this moment; whoever works on a key then tries it again."""
        if not self.leads():
            raise Conflict("another replica leads now, or the renewal of our Lease is late")

    async def status(self, resource: Resource, manifest: Manifest, status: dict[str, Any]) -> bool:
        """Write a status unless it stands there already. False: the object is not what was decided on any more."""
        if manifest.get("status") == status:
            return True
        self.require_lead()
        self.store.expect_status(manifest["metadata"]["uid"], status)
        self.count += 1
        try:
            written = await self.objects.replace_status(resource, manifest, status)
        except (Conflict, NotFound):
            await self.read_again(resource, manifest)
            return False
        self.metrics.decisions.status_written(resource.kind)
        self.ingest(resource.kind, None, written)
        return True

    async def create(self, manifest: dict[str, Any]) -> Refusal | None:
        """Create a PromptVersion, or take in the one that has its name; return why that is not allowed."""
        metadata = manifest["metadata"]
        self.require_lead()
        self.count += 1
        try:
            created = await self.objects.create(PROMPT_VERSIONS, manifest)
        except AlreadyExists:
            created = await self.objects.get(PROMPT_VERSIONS, metadata["namespace"], metadata["name"])
        except (Forbidden, Invalid) as error:
            log.warning(
                "version refused", namespace=metadata["namespace"], version=metadata["name"], error=error.for_logs
            )
            return Refusal(metadata["name"], manifest["spec"], str(error), final=isinstance(error, Invalid))
        else:
            log.info(
                "version created",
                namespace=metadata["namespace"],
                prompt=manifest["spec"]["promptRef"]["name"],
                version=manifest["spec"]["version"],
            )
        self.ingest(PROMPT_VERSIONS.kind, None, created)
        return None

    async def is_there_after_all(self, resource: Resource, namespace: str, name: str) -> bool:
        """Look once more for an object that is not known, before anybody is told that it is missing. Takes in what is found."""
        if self.store.get(resource.kind, namespace, name) is not None:
            return False
        try:
            found = await self.objects.get(resource, namespace, name)
        except NotFound:
            return False
        if not resource.selects(found):
            return False
        self.ingest(resource.kind, None, found)
        return self.store.get(resource.kind, namespace, name) is not None

    async def delete(self, versions: tuple[Manifest, ...]) -> None:
        """Delete PromptVersions that are still what was decided on; one that somebody has just labelled to be kept stays."""
        for version in versions:
            self.require_lead()
            self.count += 1
            try:
                await self.objects.delete(PROMPT_VERSIONS, version)
            except Conflict:
                await self.read_again(PROMPT_VERSIONS, version)
                continue
            self.ingest(PROMPT_VERSIONS.kind, DELETED, version)

    async def read_again(self, resource: Resource, manifest: Manifest) -> None:
        """Take in what the object is now."""
        metadata = manifest["metadata"]
        try:
            found = await self.objects.get(resource, metadata.get("namespace"), metadata["name"])
            self.ingest(resource.kind, None, found)
        except NotFound:
            self.ingest(resource.kind, DELETED, manifest)
