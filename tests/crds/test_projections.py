"""The operator writes a ConfigMap for nobody who may not write it himself, and none of others: no operator runs here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.crds.server import OPERATOR, Server
from tests.support.manifests import config_map, many, prompt
from tests.support.waiting import wait_until

Manifest = dict[str, Any]

WRITER = "wes-writes-one-config-map"
OPEN, CLOSED = "tried", "tried-closed"
LABEL = "promptops.io/projection"


def into(*names: str) -> Manifest:
    """A spec with projections into these."""
    return {"projections": [{"configMap": name, "key": f"key-{place}"} for place, name in enumerate(names)]}


@pytest.fixture(scope="module")
def writer(server: Server, namespace: str) -> str:
    """Somebody who may do everything to prompts, and update one ConfigMap."""
    server.bind(namespace, WRITER, "promptops-author")
    server.bind(namespace, WRITER, "promptops-releaser")
    of_rbac = {"apiGroup": "rbac.authorization.k8s.io"}
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [OPEN], "verbs": ["update"]}
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    server.send("POST", f"{path}/roles", {"metadata": {"name": WRITER}, "rules": [rule]}).raise_for_status()
    binding = {
        "metadata": {"name": f"{WRITER}-writes"},
        "roleRef": {**of_rbac, "kind": "Role", "name": WRITER},
        "subjects": [{**of_rbac, "kind": "User", "name": WRITER}],
    }
    server.send("POST", f"{path}/rolebindings", binding).raise_for_status()
    wait_until(lambda: _tried(server, namespace, into(OPEN)).is_success)
    wait_until(lambda: _tried(server, namespace, into(CLOSED)).is_client_error)
    return namespace


def _tried(server: Server, namespace: str, spec: Manifest) -> httpx.Response:
    answer = server.create(prompt("tried", **spec), namespace, WRITER)
    server.delete(prompt("tried"), namespace)
    return answer


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param(into(CLOSED), "spec.projections[0]", id="the only one"),
        pytest.param(into(OPEN, CLOSED), "spec.projections[1]", id="the second"),
        pytest.param(into(*[OPEN] * 7, CLOSED), "spec.projections[7]", id="the last there can be"),
    ],
)
def test_what_the_writer_may_not_update(server: Server, writer: str, spec: Manifest, field: str) -> None:
    answer = _tried(server, writer, spec)

    assert answer.status_code == httpx.codes.FORBIDDEN
    assert f"{field} has the operator write the ConfigMap {CLOSED}" in answer.json()["message"]


@pytest.mark.parametrize("count", [pytest.param(0, id="none"), pytest.param(8, id="all there can be")])
def test_what_the_writer_may_update(server: Server, writer: str, count: int) -> None:
    assert _tried(server, writer, into(*[OPEN] * count)).is_success


@pytest.fixture
def as_operator(server: Server, namespace: str) -> Callable[..., tuple[int, str]]:
    """Run kubectl with the rights of the operator."""

    def run(*arguments: str, **options: Any) -> tuple[int, str]:
        done = server.plane.kubectl(*arguments, "--namespace", namespace, f"--as={OPERATOR}", check=False, **options)
        return done.returncode, done.stderr

    return run


def made(server: Server, namespace: str, name: str, **labels: str) -> None:
    """Have a ConfigMap there."""
    manifest = config_map(name, {"a": "b"})
    manifest["metadata"] = {"name": name, "namespace": namespace, "labels": labels}
    server.plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=many(manifest))


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(("patch", "configmap", "theirs", "--type=merge", '-p={"data": {"a": "c"}}'), id="an edit"),
        pytest.param(("label", "configmap", "theirs", f"{LABEL}=greeting"), id="making it its own"),
        pytest.param(("delete", "configmap", "theirs"), id="a deletion"),
        pytest.param(("create", "configmap", "unlabelled"), id="one without the label"),
    ],
)
def test_the_operator_does_nothing_to_config_maps_of_others(
    server: Server, namespace: str, as_operator: Callable[..., tuple[int, str]], deed: tuple[str, ...]
) -> None:
    made(server, namespace, "theirs")

    code, said = as_operator(*deed)

    assert code != 0
    assert "the operator writes no ConfigMap of others" in said


def test_the_operator_does_everything_to_its_own(
    server: Server, namespace: str, as_operator: Callable[..., tuple[int, str]]
) -> None:
    made(server, namespace, "ours", **{LABEL: "greeting"})
    left = {"metadata": {"labels": {LABEL: None}}, "data": {"a": "c"}}

    edited = as_operator("patch", "configmap", "ours", "--type=merge", '-p={"data": {"a": "c"}}')
    deleted = as_operator("delete", "configmap", "ours")
    made(server, namespace, "ours", **{LABEL: "greeting"})
    given_up = as_operator("patch", "configmap", "ours", "--type=merge", "-p", json.dumps(left))

    assert [each[0] for each in (edited, deleted, given_up)] == [0, 0, 0]
