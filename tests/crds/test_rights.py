"""What the operator may do is what `rights.yaml` says and nothing more; what people may do comes from their roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.crds.server import OPERATOR, OPERATOR_NAMESPACE, Server, path_of
from tests.support.manifests import prompt, tenant, version

RIGHTS = yaml.safe_load((Path(__file__).parent / "rights.yaml").read_text())
NOBODY = f"system:serviceaccount:{OPERATOR_NAMESPACE}:nobody"

PROMPT = prompt("greeting", activeVersion="1.0.0")
VERSION = version("greeting", "1.0.0", "Hi")
TENANT = tenant("mallory", "default")


@pytest.mark.parametrize("place", ["everywhere", "own namespace"])
def test_the_operator_has_these_rights_and_no_other(server: Server, namespace: str, place: str) -> None:
    within = OPERATOR_NAMESPACE if place == "own namespace" else namespace

    # What every ServiceAccount may do, such as ask who it is, is not the operator's.
    rights = _rights(server, OPERATOR, within) - _rights(server, NOBODY, within)

    expected = set(RIGHTS["everywhere"]) | set(RIGHTS["own namespace"] if place == "own namespace" else ())
    assert rights == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/secrets"),
        ("GET", f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets"),
        ("GET", "/api/v1/namespaces/default/secrets/promptops-keys"),
        ("DELETE", f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets/promptops-keys"),
        ("POST", "/api/v1/namespaces/default/secrets"),
        ("POST", f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods"),
        ("POST", "/api/v1/namespaces/default/serviceaccounts/default/token"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
        ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
    ],
)
def test_what_an_intruder_would_want_is_forbidden(server: Server, method: str, path: str) -> None:
    answer = server.send(method, path, {} if method == "POST" else None, OPERATOR)

    assert answer.status_code == 403


@pytest.fixture
def objects(server: Server, namespace: str) -> Iterator[dict[str, dict[str, Any]]]:
    """A Prompt and a version of it as they are stored."""
    created = {each["kind"]: server.create(each, namespace).raise_for_status().json() for each in (PROMPT, VERSION)}
    yield created
    for each in created.values():
        server.delete(each, namespace)


@pytest.mark.parametrize("kind", ["Prompt", "PromptVersion"])
def test_the_operator_never_writes_what_a_user_wrote(
    server: Server, namespace: str, objects: dict[str, dict[str, Any]], kind: str
) -> None:
    answer = server.replace(objects[kind], namespace, OPERATOR)

    assert answer.status_code == 403


def test_the_operator_creates_and_prunes_versions(server: Server, namespace: str) -> None:
    created = server.create(VERSION, namespace, OPERATOR)
    pruned = server.send("DELETE", path_of(VERSION, namespace), None, OPERATOR)

    assert (created.status_code, pruned.status_code) == (201, 200)


def test_who_views_reads_and_writes_nothing(server: Server, namespace: str, objects: dict[str, dict[str, Any]]) -> None:
    server.bind(namespace, "viewer", "view")

    read = server.send("GET", path_of(PROMPT, namespace), None, "viewer")
    wrote = server.replace(objects["Prompt"], namespace, "viewer")

    assert (read.status_code, wrote.status_code) == (200, 403)


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_a_namespace_s_own_people_write_prompts_and_no_tenant(
    server: Server, namespace: str, objects: dict[str, dict[str, Any]], role: str
) -> None:
    user = f"tenant-{role}"
    server.bind(namespace, user, role)

    edited = server.replace(
        objects["Prompt"] | {"spec": {"activeVersion": "1.0.0", "historyLimit": 5}}, namespace, user
    )
    claimed = server.create(TENANT, namespace, user)
    spied = server.send("GET", path_of(TENANT, namespace), None, user)

    assert edited.status_code == 200, edited.text
    assert (claimed.status_code, spied.status_code) == (403, 403)


def _rights(server: Server, user: str, namespace: str) -> set[str]:
    """Return what a user may do in a namespace, one line per resource and verb."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = server.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review, user)
    return {
        f"{verb} {resource}{f'.{group}' if group else ''}{f' {name}' if name else ''}"
        for rule in answer.raise_for_status().json()["status"]["resourceRules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
    }
