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
from promptops.controller.publish.attendance import Pods
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


def say(plane: Plane, namespace: str, phase: str, *names: str) -> None:
    """What a kubelet says of pods."""
    status = json.dumps({"status": {"phase": phase}})
    for name in names:
        plane.kubectl("-n", namespace, "patch", "pod", name, "--subresource=status", "--type=merge", "-p", status)


def end(plane: Plane, namespace: str, name: str) -> None:
    """What a kubelet says of a pod whose containers ended."""
    say(plane, namespace, "Succeeded", name)


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


async def test_pods_that_run_with_a_sidecar_are_seen(objects: Objects, plane: Plane, namespace: str) -> None:
    injections, seen = Injections(ObjectStore(), objects, Recorded(), lambda _: None, ()), list[Pods]()
    injections.looked = seen.append
    names = ("runs", "ends", "starts", "is over", "by hand", "has none")
    labels = {"injected": "true"}
    made = [pod(name.replace(" ", "-"), namespace, **(labels if name != "has none" else {})) for name in names]
    made[1]["metadata"]["finalizers"] = ["example.com/kept"]
    plane.kubectl("create", "-f", "-", input=many(*made))
    say(plane, namespace, "Running", "runs", "ends", "by-hand", "has-none")
    end(plane, namespace, "is-over")
    plane.kubectl("-n", namespace, "delete", "pod", "ends", "--grace-period=0", "--wait=false")

    await injections.look()

    listed = json.loads(plane.kubectl("-n", namespace, "get", "pods", "-o", "json").stdout)["items"]
    uid = {each["metadata"]["name"]: each["metadata"]["uid"] for each in listed}
    plane.kubectl("-n", namespace, "patch", "pod", "ends", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert seen[0].sidecars[namespace] == {uid["runs"], uid["by-hand"]}
    assert seen[0].ending[namespace] == {uid["ends"]}
