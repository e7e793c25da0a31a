"""Pods without their sidecar on a real API server: counted, and told where whoever runs them looks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.controller.intake.store import ObjectStore
from promptops.controller.publish.injections import Injections
from promptops.dev.plane import Plane
from promptops.domain.manifests import Manifest
from promptops.domain.snapshot import Transition
from tests.support.manifests import many, stored, tenant

pytestmark = pytest.mark.cluster


@dataclass
class Recorded:
    """Events, unwritten."""

    events: list[tuple[Manifest, Transition]] = field(default_factory=list)

    def record(self, about: Manifest, transition: Transition) -> None:
        self.events.append((about, transition))

    def told(self) -> list[tuple[str, str]]:
        """On which object, and why, since this was last asked."""
        said = [(f"{about['kind']}/{about['metadata']['name']}", each.reason) for about, each in self.events]
        self.events.clear()
        return said


@pytest.fixture
async def objects(plane: Plane) -> AsyncIterator[Objects]:
    client = Client(await Connection.open(plane.kubeconfig))
    yield Objects(client)
    await client.close()


def pod(name: str, namespace: str, **labels: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "app", "image": "app"}], "automountServiceAccountToken": False}
    metadata = {"name": name, "namespace": namespace, "labels": {f"promptops.io/{key}": labels[key] for key in labels}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def end(plane: Plane, namespace: str, name: str) -> None:
    """What a kubelet says of a pod whose containers ended."""
    status = json.dumps({"status": {"phase": "Succeeded"}})
    plane.kubectl("-n", namespace, "patch", "pod", name, "--subresource=status", "--type=merge", "-p", status)


@pytest.mark.parametrize("owner", [None, "blue"], ids=["a namespace of its own", "a Tenant's namespace"])
async def test_a_missed_injection_is_told_once(
    objects: Objects, plane: Plane, namespace: str, owner: str | None
) -> None:
    store, recorded = ObjectStore(), Recorded()
    store.ingest("Namespace", None, json.loads(plane.kubectl("get", "namespace", namespace, "-o", "json").stdout))
    store.ingest("Tenant", None, stored(tenant("blue", namespace), namespace=None))
    injections = Injections(store, objects, recorded, lambda name: owner if name == namespace else None, {"closed"})
    changes: list[int | None] = []
    injections.changed = lambda: changes.append(injections.counts().get(namespace))
    plane.kubectl(
        "create",
        "-f",
        "-",
        input=many(
            pod("old", namespace, inject="true"),
            pod("ended", namespace, inject="true"),
            pod("served", namespace, inject="true", injected="true"),
            pod("other", namespace),
        ),
    )
    end(plane, namespace, "ended")
    await injections.look()
    first = recorded.told()
    await injections.look()
    again = recorded.told()
    plane.kubectl("create", "-f", "-", input=many(pod("late", namespace, inject="true")))
    await injections.look()
    more = recorded.told()
    plane.kubectl("-n", namespace, "delete", "pod", "old", "late", "--grace-period=0", "--force")

    await injections.look()

    about = f"Tenant/{owner}" if owner else f"Namespace/{namespace}"
    assert (first, again, more) == ([(about, "InjectionMissed")], [], [(about, "InjectionMissed")])
    assert recorded.told() == []
    assert changes == [1, 2, None]
