"""Reading and writing objects: complete lists, statuses replaced whole, creations and guarded deletions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from promptops.api.names import FIELD_MANAGER
from promptops.api.wire import read_value
from promptops.cluster.client import APPLY, JSON, METADATA_OF_ONE, METADATA_ONLY, Client
from promptops.cluster.errors import ApiUnavailable, ClusterError, Invalid, NotFound
from promptops.cluster.resources import Resource
from promptops.domain.manifests import PARTIAL, Manifest

_PAGE = 500
_LIST_SECONDS = 60.0
_LIST_ATTEMPTS = 3


@dataclass(frozen=True)
class Listing:
    """Everything of a kind, as it was at one moment."""

    objects: tuple[Manifest, ...]
    resource_version: str


@dataclass(frozen=True)
class Change:
    """Something that happened to an object, without the object."""

    uid: str
    resource_version: int
    is_deletion: bool


class Objects:
    """The objects of a cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list(self, resource: Resource, namespace: str | None = None) -> Listing:
        """Return all objects of a kind, or those in a namespace, by a consistent read."""
        return await self._list(resource, JSON, namespace)

    async def list_metadata(self, resource: Resource) -> Listing:
        """Return the metadata of all objects of a kind by a consistent read, but for who manages which field: the most of it."""
        return await self._list(resource, METADATA_ONLY)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """Return one object by a consistent read; raise NotFound."""
        path = resource.path(namespace, name)
        return _object(await self._client.call(f"get {resource.plural}", "GET", path))

    async def named(self, resource: Resource, name: str) -> tuple[dict[str, Any], ...]:
        """Return the objects of a name in all namespaces."""
        query = {"fieldSelector": f"metadata.name={name}"}
        answer = await self._client.call(f"list {resource.plural}", "GET", resource.path(), query=query)
        return tuple(answer["items"] or ())

    async def create(self, resource: Resource, manifest: Manifest, *, manager: str = FIELD_MANAGER) -> dict[str, Any]:
        """Create an object and return it as it is now; raise AlreadyExists."""
        return _object(
            await self._client.call(
                f"create {resource.plural}",
                "POST",
                resource.path(manifest["metadata"].get("namespace")),
                query={"fieldManager": manager},
                body=dict(manifest),
            )
        )

    async def refusal(self, resource: Resource, manifest: Manifest) -> str | None:
        """Return in whose and in which words an object would be refused if it were created; None when it would be taken.

        Nothing is created. Raises a ClusterError when nobody came to judge it.
        """
        path = resource.path(manifest["metadata"].get("namespace"))
        query = {"fieldManager": FIELD_MANAGER, "dryRun": "All"}
        try:
            await self._client.call(
                f"rehearse {resource.plural}", "POST", path, query=query, body=dict(manifest), hoped_for=Invalid
            )
        except Invalid as error:
            return str(error)
        return None

    async def replace(self, resource: Resource, manifest: Manifest, *, manager: str = FIELD_MANAGER) -> dict[str, Any]:
        """Write an object back; raise Conflict when it changed since its resourceVersion."""
        metadata = manifest["metadata"]
        return _object(
            await self._client.call(
                f"update {resource.plural}",
                "PUT",
                resource.path(metadata.get("namespace"), metadata["name"]),
                query={"fieldManager": manager},
                body=dict(manifest),
            )
        )

    async def delete(self, resource: Resource, manifest: Manifest) -> None:
        """Delete this very object as it was read, not another one that has its name by now. Gone already is fine.

        Raises Conflict when it changed since its resourceVersion, or is another one of the same name.
        """
        metadata = manifest["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        preconditions = {key: metadata[key] for key in ("uid", "resourceVersion") if key in metadata}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        try:
            await self._client.call(f"delete {resource.plural}", "DELETE", path, body=body)
        except NotFound:
            return

    async def apply(self, resource: Resource, manifest: Manifest, manager: str) -> dict[str, Any]:
        """Have an object say what `manifest` says, and no more of what `manager` said before; return the object.

        Nothing is taken from other managers. Raises Conflict when one says otherwise, or when the object changed since the
        resourceVersion of `manifest`, if that has one.
        """
        metadata = manifest["metadata"]
        return _object(
            await self._client.call(
                f"apply {resource.plural}",
                "PATCH",
                resource.path(metadata.get("namespace"), metadata["name"]),
                query={"fieldManager": manager, "force": "false"},
                body=dict(manifest),
                content_type=APPLY,
            )
        )

    async def replace_status(
        self, resource: Resource, manifest: Manifest, status: Manifest, *, manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """Make `status` the object's whole status, whoever wrote parts of it before, and return the object.

        Raises Conflict when the object changed since it was read, or is another one of the same name.
        """
        read = manifest["metadata"]
        metadata = {key: read[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in read}
        return _object(
            await self._client.call(
                f"update {resource.plural}/status",
                "PUT",
                resource.path(read.get("namespace"), read["name"], "status"),
                query={"fieldManager": manager},
                body={
                    "apiVersion": resource.api_version,
                    "kind": resource.kind,
                    "metadata": metadata,
                    "status": dict(status),
                },
            )
        )

    async def resource_version(self, resource: Resource) -> int:
        """Return how far a collection has come, by a consistent read of next to nothing."""
        query = {"limit": "1"} | _selected(resource)
        page = await self._client.call(
            f"look at {resource.plural}", "GET", resource.path(), query=query, accept=METADATA_ONLY
        )
        return int(page["metadata"]["resourceVersion"])

    async def changes(self, resource: Resource, since: int) -> tuple[Change, ...]:
        """Return what happened in a collection since a resourceVersion, as a new watch tells it within a second."""
        query = {"watch": "true", "resourceVersion": str(since), "timeoutSeconds": "1"} | _selected(resource)
        told = await self._client.call(
            f"look at {resource.plural}", "GET", resource.path(), query=query, accept=METADATA_OF_ONE
        )
        return tuple(_changes(told))

    async def schemas(self, group: str, version: str) -> dict[str, Manifest]:
        """Return the schema of every kind of a group and version that the API server publishes, by kind."""
        document = await self._client.call("read schemas", "GET", f"/openapi/v3/apis/{group}/{version}")
        schemas = document["components"]["schemas"].values()
        return {
            each["kind"]: schema
            for schema in schemas
            for each in schema.get("x-kubernetes-group-version-kind", ())
            if each["group"] == group
        }

    async def served_kinds(self, group: str, version: str) -> frozenset[str]:
        """Return the plurals that the API server serves under a group and version; none when it knows neither."""
        try:
            answer = await self._client.call("discover", "GET", f"/apis/{group}/{version}")
        except NotFound:
            return frozenset()
        return frozenset(resource["name"] for resource in answer["resources"])

    async def _list(self, resource: Resource, accept: str, namespace: str | None = None) -> Listing:
        for attempt in range(_LIST_ATTEMPTS):
            try:
                return await self._pages(resource, accept, namespace)
            except ClusterError as error:
                # The pages expired while they were read (410): only a list from one moment is complete.
                if error.status != 410 or attempt == _LIST_ATTEMPTS - 1:
                    raise
        raise ApiUnavailable(f"no consistent list of {resource.plural}")

    async def _pages(self, resource: Resource, accept: str, namespace: str | None) -> Listing:
        query = {"limit": str(_PAGE)} | _selected(resource)
        objects: list[Manifest] = []
        while True:
            page = await self._client.call(
                f"list {resource.plural}",
                "GET",
                resource.path(namespace),
                query=query,
                accept=accept,
                seconds=_LIST_SECONDS,
            )
            kind = resource.kind
            if accept == METADATA_ONLY:
                kind = PARTIAL
                for item in page["items"] or ():
                    item["metadata"].pop("managedFields", None)
            # Items of a list come without the two fields that every single object has.
            objects += ({**item, "apiVersion": resource.api_version, "kind": kind} for item in page["items"] or ())
            if not (token := page["metadata"].get("continue")):
                return Listing(tuple(objects), page["metadata"]["resourceVersion"])
            query = {**query, "continue": token}


def _selected(resource: Resource) -> dict[str, str]:
    selectors = {"labelSelector": resource.label_selector, "fieldSelector": resource.field_selector}
    return {name: selector for name, selector in selectors.items() if selector}


def _changes(told: Any) -> Iterator[Change]:
    """Read a watch's answer, one event a line; a single event was decoded already, and none is nothing."""
    lines = told.splitlines() if isinstance(told, str) else [told] if told else []
    for line in lines:
        event = read_value(line) if isinstance(line, str) else line
        metadata = (event.get("object") or {}).get("metadata") or {}
        if "uid" in metadata:
            yield Change(metadata["uid"], int(metadata["resourceVersion"]), event["type"] == "DELETED")


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ApiUnavailable("the API server answered with something that is no object")
    return answer
