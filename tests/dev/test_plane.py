"""A bare plane is a real API server whose parts come and go without losing anything."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from promptops.dev.components import API_SERVER, CONTROLLER_MANAGER, ETCD
from promptops.dev.plane import ADMINISTRATOR, Kubectl, Plane

pytestmark = pytest.mark.cluster


def test_a_plane_authorizes_by_rbac(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "serviceaccount", "nobody", "-n", namespace)

    asked = kubectl("auth", "can-i", "list", "secrets", f"--as=system:serviceaccount:{namespace}:nobody", check=False)

    assert asked.stdout.strip() == "no"


def test_the_audit_log_tells_who_did_what(plane: Plane, namespace: str) -> None:
    plane.kubectl("create", "configmap", "audited", "-n", namespace, "--from-literal=text=confidential")

    text = plane.audit_log.read_text()
    events = [json.loads(line) for line in text.splitlines()]
    ours = [
        e for e in events if e["objectRef"].get("namespace") == namespace and e["user"]["username"] == ADMINISTRATOR
    ]
    assert [(e["verb"], e["objectRef"]["resource"], e["responseStatus"]["code"]) for e in ours] == [
        ("create", "configmaps", 201)
    ]
    assert "confidential" not in text


@pytest.mark.parametrize("part", [API_SERVER, ETCD, CONTROLLER_MANAGER])
def test_a_killed_part_comes_back_with_its_port_and_data(new_plane: Callable[[], Plane], part: str) -> None:
    plane = new_plane()
    plane.kubectl("create", "configmap", "kept")

    plane.kill(part)
    gone = plane.running()
    plane.start(part)

    assert part not in gone
    assert plane.kubectl("get", "configmap", "kept", "-o", "name").stdout == "configmap/kept\n"
    plane.down()
