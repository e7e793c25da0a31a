"""The operator reads a ConfigMap for nobody who may not read it himself: no operator and no webhook runs here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from promptops.codegen.references import references
from tests.crds.server import Server
from tests.support.manifests import prompt, reading
from tests.support.waiting import wait_until

Manifest = dict[str, Any]

WRITER = "wes-writes-all-and-reads-some"
OPEN, CLOSED = "open", "closed"
ALL_OPEN = (OPEN, *(f"open-{number}" for number in range(2, 9)))
"""As many as a prompt may name."""


def values(*names: str) -> list[Manifest]:
    """Where the values of a prompt come from."""
    return [{"configMapName": name} for name in names]


REFUSED: dict[str, tuple[Manifest, str]] = {
    "a source": ({"source": reading(CLOSED)}, "spec.source.configMapKeyRef.name"),
    "the only values": ({"valuesFrom": values(CLOSED)}, "spec.valuesFrom[0].configMapName"),
    "the last values": ({"valuesFrom": values(*ALL_OPEN[:7], CLOSED)}, "spec.valuesFrom[7].configMapName"),
    "values beside a source": ({"source": reading(OPEN), "valuesFrom": values(OPEN, CLOSED)}, "spec.valuesFrom[1].configMapName"),
}  # fmt: skip
ADMITTED: dict[str, Manifest] = {
    "nothing": {"activeVersion": "1.0.0"},
    "a source": {"source": reading(OPEN)},
    "all there can be": {"source": reading(OPEN), "valuesFrom": values(*ALL_OPEN)},
}


@pytest.fixture(scope="module")
def writer(server: Server, namespace: str) -> str:
    """Somebody who may do everything to prompts, and read some ConfigMaps."""
    server.bind(namespace, WRITER, "promptops-author")
    server.bind(namespace, WRITER, "promptops-releaser")
    of_rbac = {"apiGroup": "rbac.authorization.k8s.io"}
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": list(ALL_OPEN), "verbs": ["get"]}
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    server.send("POST", f"{path}/roles", {"metadata": {"name": WRITER}, "rules": [rule]}).raise_for_status()
    binding = {
        "metadata": {"name": f"{WRITER}-reads"},
        "roleRef": {**of_rbac, "kind": "Role", "name": WRITER},
        "subjects": [{**of_rbac, "kind": "User", "name": WRITER}],
    }
    server.send("POST", f"{path}/rolebindings", binding).raise_for_status()
    wait_until(lambda: _tried(server, namespace, {"valuesFrom": values(OPEN)}).is_success)
    wait_until(lambda: _tried(server, namespace, {"valuesFrom": values(CLOSED)}).is_client_error)
    return namespace


@pytest.fixture
def stored(server: Server, writer: str) -> Iterator[Manifest]:
    """A Prompt of somebody's who may read everything, as it is stored."""
    manifest = prompt("reads", source=reading(CLOSED))
    yield server.create(manifest, writer).raise_for_status().json()
    server.delete(manifest, writer)


def _tried(server: Server, namespace: str, spec: Manifest) -> httpx.Response:
    manifest = prompt("tried", **spec)
    answer = server.create(manifest, namespace, WRITER)
    server.delete(manifest, namespace)
    return answer


@pytest.mark.parametrize(("spec", "field"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_a_config_map_that_the_writer_may_not_read(server: Server, writer: str, spec: Manifest, field: str) -> None:
    answer = _tried(server, writer, spec)

    assert answer.status_code == httpx.codes.FORBIDDEN
    assert f"{field} names the ConfigMap {CLOSED}, which you may not get" in answer.json()["message"]


@pytest.mark.parametrize("spec", [pytest.param(row, id=name) for name, row in ADMITTED.items()])
def test_a_config_map_that_the_writer_may_read(server: Server, writer: str, spec: Manifest) -> None:
    answer = _tried(server, writer, spec)

    assert answer.is_success, answer.text


@pytest.mark.parametrize(
    ("change", "is_admitted"),
    [
        pytest.param({"metadata": {"labels": {"team": "books"}}}, True, id="a label"),
        pytest.param({"spec": {"activeVersion": "1.0.0"}}, True, id="the reference removed"),
        pytest.param({"spec": {"source": reading(CLOSED, "another")}}, False, id="another key of the same"),
        pytest.param({"spec": {"source": reading(CLOSED), "historyLimit": 5}}, False, id="something beside it"),
    ],
)
def test_a_prompt_that_refers_to_it_already(
    server: Server, writer: str, stored: Manifest, change: Manifest, is_admitted: bool
) -> None:
    changed = {**stored, **change, "metadata": {**stored["metadata"], **change.get("metadata", {})}}

    answer = server.replace(changed, writer, WRITER)

    assert answer.is_success == is_admitted, answer.text


def test_every_reference_to_a_config_map_is_tried() -> None:
    tried = {field.replace("[0]", "") for _, field in REFUSED.values()}
    fields = {".".join(reference.path) for reference in references() if reference.to == "ConfigMap"}

    assert fields <= tried
