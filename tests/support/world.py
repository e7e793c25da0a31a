"""A namespace with a running operator in it, as a user changes it with kubectl, and the API server's own account of writes."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any

import httpx

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.resources import CONFIG_MAPS, EVENTS, PROMPT_VERSIONS, PROMPTS, SECRETS, TENANTS, Resource
from promptops.dev.plane import Plane
from tests.support.manifests import many
from tests.support.waiting import wait_until

OPERATOR_USER = "system:serviceaccount:promptops-system:promptops"
_KINDS = {
    name: each
    for each in (PROMPTS, PROMPT_VERSIONS, TENANTS, CONFIG_MAPS, SECRETS, EVENTS)
    for name in (each.kind.lower(), each.plural)
}
_NOT_COUNTED = frozenset({"leases", "events", "tokenreviews"})


class World:
    """One namespace on a plane."""

    def __init__(self, plane: Plane, namespace: str) -> None:
        self.plane = plane
        self.namespace = namespace

    def kubectl(self, *arguments: str, **options: Any) -> str:
        """Run kubectl in the namespace."""
        return self.plane.kubectl("--namespace", self.namespace, *arguments, **options).stdout

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Apply manifests in one go."""
        self.kubectl("apply", "-f", "-", input=many(*manifests))

    def delete(self, *manifests: dict[str, Any]) -> None:
        """Delete manifests in one go and wait until they are gone."""
        self.kubectl("delete", "-f", "-", "--timeout=20s", input=many(*manifests))

    def activate(self, name: str, number: str) -> None:
        """Edit the one line."""
        self.kubectl("patch", "prompt", name, "--type=merge", "-p", json.dumps({"spec": {"activeVersion": number}}))

    def edit_at_once(self, resource: Resource, name: str, *edits: dict[str, Any]) -> float:
        """Edit an object several times as fast as the API server takes it; return how long all of that took."""
        return asyncio.run(self._edit(resource.path(self.namespace, name), edits))

    async def _edit(self, path: str, edits: tuple[dict[str, Any], ...]) -> float:
        client = Client(await Connection.open(self.plane.kubeconfig))
        try:
            await client.call("warm up", "GET", path)
            begun = time.monotonic()
            for edit in edits:
                await client.call("edit", "PATCH", path, body=edit, content_type="application/merge-patch+json")
            return time.monotonic() - begun
        finally:
            await client.close()

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object."""
        return self._read(kind, name)

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind."""
        items: list[dict[str, Any]] = self._read(kind)["items"]
        return items

    def _read(self, kind: str, name: str | None = None) -> dict[str, Any]:
        # Not by kubectl, which takes a quarter of a second of the processor to start: whoever waits looks often.
        answer = self.plane.ask(_KINDS[kind].path(self.namespace, name))
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def status(self, name: str) -> dict[str, Any]:
        """Return a Prompt's status."""
        return dict(self.get("prompt", name)["status"])

    def serves(self, name: str) -> str | None:
        """Return the version that a Prompt's status says is served."""
        serving = self.status(name).get("serving")
        return serving["stable"]["version"] if serving else None

    def until_serves(self, name: str, number: str) -> None:
        """Wait until a version is served and that has converged."""
        wait_until(
            lambda: self.serves(name) == number and self.condition(name, "Converged")[0] == "True",
            lambda: self.status(name),
        )

    def condition(self, name: str, kind: str, of: str = "prompt") -> tuple[str, str, str]:
        """Return status, reason and message of a condition."""
        for each in self.get(of, name).get("status", {}).get("conditions", ()):
            if each["type"] == kind:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    def until_ready(self, name: str, status: str, reason: str, of: str = "prompt") -> str:
        """Wait until Ready has a status and reason; return its message."""
        wait_until(
            lambda: self.condition(name, "Ready", of)[:2] == (status, reason),
            lambda: self.get(of, name).get("status"),
        )
        return self.condition(name, "Ready", of)[2]

    def audit_position(self) -> int:
        """Return a place in the audit log."""
        return self.plane.audit_log.stat().st_size

    def writes(self, since: int) -> Counter[tuple[str, str, str]]:
        """Count what the operator wrote in the namespace since then: (verb, resource, name), Leases and Events aside.

        Of Tenants those that claim it: another one is told in its own time of what came and went elsewhere.
        """
        claiming = [each["metadata"]["name"] for each in self.all("tenants") if self.namespace in _claims(each)]
        counted: Counter[tuple[str, str, str]] = Counter()
        with self.plane.audit_log.open("rb") as log:
            log.seek(since)
            for line in log:
                entry = json.loads(line)
                about = entry.get("objectRef", {})
                if (
                    entry["user"]["username"] == OPERATOR_USER
                    and entry["verb"] in ("create", "update", "patch", "delete")
                    and about.get("resource") not in _NOT_COUNTED
                    and about.get("namespace", "") in (self.namespace, "")
                    and (about.get("resource") != "tenants" or about.get("name") in claiming)
                ):
                    counted[entry["verb"], about["resource"], about.get("name", "")] += 1
        return counted


def _claims(tenant: dict[str, Any]) -> list[str]:
    claimed: list[str] = tenant["spec"]["namespaces"]
    return claimed
