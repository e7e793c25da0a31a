"""A bare plane is a real API server whose parts come and go without losing anything."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from promptops.dev.components import API_SERVER, CONTROLLER_MANAGER, ETCD
from promptops.dev.errors import ProcessFailed
from promptops.dev.plane import ADMINISTRATOR, Binaries, Kubectl, Plane, start_plane
from promptops.settings.dev import DevSettings
from tests.support.audit import audited

pytestmark = pytest.mark.cluster


def test_a_plane_authorizes_by_rbac(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "serviceaccount", "nobody", "-n", namespace)

    asked = kubectl("auth", "can-i", "list", "secrets", f"--as=system:serviceaccount:{namespace}:nobody", check=False)

    assert asked.stdout.strip() == "no"


def test_the_audit_log_tells_who_did_what(plane: Plane, namespace: str) -> None:
    plane.kubectl("create", "configmap", "audited", "-n", namespace, "--from-literal=text=confidential")

    ours = [
        e
        for e in audited(plane)
        if e["objectRef"].get("namespace") == namespace and e["user"]["username"] == ADMINISTRATOR
    ]
    assert [(e["verb"], e["objectRef"]["resource"], e["responseStatus"]["code"]) for e in ours] == [
        ("create", "configmaps", 201)
    ]
    assert "confidential" not in plane.audit_log.read_text()


@pytest.mark.parametrize("part", [API_SERVER, ETCD, CONTROLLER_MANAGER])
def test_a_killed_part_comes_back_with_its_port_and_data(file_plane: Plane, part: str) -> None:
    plane = file_plane
    plane.kubectl("create", "configmap", f"kept-by-{part}")

    plane.kill(part)
    gone = plane.running()
    plane.start(part)

    assert part not in gone
    assert plane.kubectl("get", "configmap", f"kept-by-{part}", "-o", "name").stdout == f"configmap/kept-by-{part}\n"


def test_nothing_listens_beyond_loopback(plane: Plane) -> None:
    listening = [
        connection.laddr.ip
        for pid in plane.running().values()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}


def test_the_api_server_s_certificate_is_verified(plane: Plane) -> None:
    cluster = json.loads(plane.kubeconfig.read_text())["clusters"][0]["cluster"]

    assert set(cluster) == {"server", "certificate-authority-data"}
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{plane.server}/version")


def test_a_feed_token_opens_no_api(plane: Plane, namespace: str) -> None:
    audience = ("--audience", "promptops.io/feed")
    token = plane.kubectl("create", "token", "default", "-n", namespace, *audience).stdout.strip()
    context = ssl.create_default_context(cadata=plane.authority.decode())

    answer = httpx.get(f"{plane.server}/api", headers={"Authorization": f"Bearer {token}"}, verify=context)

    assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_ownership_and_namespaces_are_looked_after(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "owner", "-n", namespace)
    uid = kubectl("get", "configmap", "owner", "-n", namespace, "-o", "jsonpath={.metadata.uid}").stdout
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    owned = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [owner]}}
    kubectl("create", "-n", namespace, "-f", "-", input=json.dumps(owned))

    kubectl("delete", "configmap", "owner", "-n", namespace)

    kubectl("wait", "--for=delete", "configmap/owned", "-n", namespace, "--timeout=90s")


def test_a_part_that_cannot_start_leaves_nothing(
    dev_settings: DevSettings, binary: Callable[[str], Path], tmp_path: Path
) -> None:
    broken = Binaries(binary("etcd"), Path("/bin/false"), binary("kube-controller-manager"), binary("kubectl"))

    with pytest.raises(ProcessFailed, match=r"^kube-apiserver ended before it was ready"):
        start_plane(tmp_path / "broken", broken, dev_settings.environment)

    assert not (tmp_path / "broken").exists()
