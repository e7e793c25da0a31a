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
from promptops.cluster.resources import (
    CONFIG_MAPS,
    EVENTS,
    PROMPT_VERSIONS,
    PROMPTS,
    SECRETS,
    TENANTS,
    Resource,
)
from promptops.dev.plane import Plane
from tests.support.audit import audited, position
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
        self.kubectl("delete", "-f", "-", "--timeout=90s", input=many(*manifests))

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

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object; None when it is not there."""
        return next((each for each in self.all(kind) if each["metadata"]["name"] == name), None)

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

    def until_decided(self, name: str, number: str) -> None:
        """Wait until a version is decided on. Whoever should serve it is not waited for: a new leader says nothing of that for half a minute."""
        wait_until(lambda: self.serves(name) == number, lambda: self.status(name))

    def until_serves(self, name: str, number: str, served: str | None = None) -> None:
        """Wait until a version is served and that has converged; with `served`, until that is said of who serves it."""

        def converged() -> bool:
            status = self.status(name)
            said = status.get("serving", {}).get("stable", {}).get("version"), condition_of(status, "Converged")[0]
            return said == (number, "True") and served in (None, status.get("served"))

        wait_until(converged, lambda: self.status(name))

    def condition(self, name: str, kind: str, of: str = "prompt") -> tuple[str, str, str]:
        """Return status, reason and message of a condition."""
        return condition_of(self.get(of, name).get("status", {}), kind)

    def until_condition(self, name: str, kind: str, status: str, reason: str, of: str = "prompt") -> str:
        """Wait until a condition has a status and reason; return the message it has then."""

        def said() -> tuple[str, ...]:
            found = self.condition(name, kind, of)
            return found if found[:2] == (status, reason) else ()

        return wait_until(said, lambda: self.get(of, name).get("status"))[2]

    def until_ready(self, name: str, status: str, reason: str, of: str = "prompt") -> str:
        """Wait until Ready has a status and reason; return the message it has then."""
        return self.until_condition(name, "Ready", status, reason, of)

    def digest(self, version: str) -> str:
        """Return a version's digest. Wait for it: a version's status is written beside that of its prompt."""

        def said() -> str:
            found: str = self.get("promptversion", version).get("status", {}).get("digest", "")
            return found

        return wait_until(said, lambda: self.get("promptversion", version))

    def until_at_rest(self, served: str | None = None) -> None:
        """Wait until every status says all that it has to: prompts, then, each in its own time, their versions.

        With `served`, until that is said of who serves every prompt. What is not waited for here is what projections came to.
        """
        wait_until(lambda: self._is_at_rest(served), lambda: (self.all("prompts"), self.all("promptversions")))

    def _is_at_rest(self, served: str | None) -> bool:
        prompts, versions = self.all("prompts"), self.all("promptversions")
        stable = {each["metadata"]["name"]: each["status"].get("serving", {}).get("stable") for each in prompts}
        active = {
            each["spec"]["promptRef"]["name"]: {
                "version": each["spec"]["version"],
                "digest": each["status"].get("digest"),
            }
            for each in versions
            if each["status"].get("phase") == "Active"
        }
        of = Counter(each["spec"]["promptRef"]["name"] for each in versions)
        return (
            all(_says_all(each, served) for each in prompts)
            and all(each["status"].get("versionCount", 0) == of[each["metadata"]["name"]] for each in prompts)
            and all(each["status"].get("phase") for each in versions)
            and active == {name: serving for name, serving in stable.items() if serving}
        )

    def audit_position(self) -> int:
        """Return a place in the audit log."""
        return position(self.plane)

    def writes(self, since: int) -> Counter[tuple[str, str, str]]:
        """Count what the operator wrote in the namespace since then: (verb, resource, name), Leases and Events aside.

        Of Tenants those that claim it: another one is told in its own time of what came and went elsewhere.
        """
        claiming = [each["metadata"]["name"] for each in self.all("tenants") if self.namespace in _claims(each)]
        counted: Counter[tuple[str, str, str]] = Counter()
        for entry in audited(self.plane, since):
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


def condition_of(status: dict[str, Any], kind: str) -> tuple[str, str, str]:
    """Return status, reason and message of a condition; empty words when there is none."""
    for each in status.get("conditions", ()):
        if each["type"] == kind:
            return each["status"], each["reason"], each["message"]
    return "", "", ""


def _says_all(prompt: dict[str, Any], served: str | None) -> bool:
    status = prompt["status"]
    return (
        status.get("observedGeneration") == prompt["metadata"]["generation"]
        and condition_of(status, "Converged")[0] == "True"
        and not condition_of(status, "Reconciling")[0]
        and served in (None, status.get("served"))
    )


def _claims(tenant: dict[str, Any]) -> list[str]:
    claimed: list[str] = tenant["spec"]["namespaces"]
    return claimed
