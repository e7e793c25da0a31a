"""What people see of the kinds through kubectl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from promptops import codegen
from promptops.dev.plane import Kubectl
from tests.crds.server import OPERATOR, OPERATOR_NAMESPACE, Server
from tests.support.manifests import prompt, tenant, version

PROMPT = prompt("greeting", promptId="team/greeting", activeVersion="1.0.0")
VERSION = version("greeting", "1.0.0", "Hi")
TENANT = tenant("acme", "acme-dev", "acme-prod")
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Active",
    "message": "Version 1.0.0 is served.",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}
DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture(autouse=True)
def objects(server: Server, namespace: str) -> Iterator[None]:
    """One object of every kind."""
    for manifest in (PROMPT, VERSION, TENANT):
        server.create(manifest, namespace).raise_for_status()
    yield
    for manifest in (PROMPT, VERSION, TENANT):
        server.delete(manifest, namespace)


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_prompt_shows_what_is_served(server: Server, kubectl: Kubectl, namespace: str) -> None:
    status = {
        "observedGeneration": 1,
        "phase": "Healthy",
        "desired": "1.1.0",
        "serving": {
            "revision": 1,
            "at": "2026-01-01T00:00:00Z",
            "stable": {"version": "1.0.0", "digest": DIGEST},
            "ids": ["team/greeting"],
        },
        "served": "all",
        "conditions": [READY],
    }
    server.replace_status(_with_status(PROMPT, status), namespace, OPERATOR).raise_for_status()

    narrow = _rows(kubectl("get", "pmt", "-n", namespace).stdout)
    wide = _rows(kubectl("get", "pmt", "-n", namespace, "-o", "wide").stdout)

    assert narrow[0] == ["NAME", "DESIRED", "SERVING", "SERVED", "READY", "REASON", "AGE"]
    assert narrow[1][:6] == ["greeting", "1.1.0", "1.0.0", "all", "True", "Active"]
    assert wide[0] == [*narrow[0], "PHASE", "DIGEST", "MESSAGE"]
    assert wide[1][7:] == ["Healthy", DIGEST, "Version", "1.0.0", "is", "served."]


def test_a_version_shows_whose_it_is(server: Server, kubectl: Kubectl, namespace: str) -> None:
    status = {
        "observedGeneration": 1,
        "phase": "Active",
        "digest": DIGEST,
        "grade": "minor",
        "gradedAgainst": "0.9.0",
        "conditions": [READY],
    }
    server.replace_status(_with_status(VERSION, status), namespace, OPERATOR).raise_for_status()

    shown = _rows(kubectl("get", "pmv", "-n", namespace, "-o", "wide").stdout)

    assert shown[0] == ["NAME", "PROMPT", "VERSION", "GRADE", "PHASE", "READY", "REASON", "AGE", "DIGEST", "MESSAGE"]
    assert shown[1][:7] == ["greeting-1.0.0", "greeting", "1.0.0", "minor", "Active", "True", "Active"]
    assert shown[1][8] == DIGEST


def test_a_tenant_shows_its_namespaces(server: Server, kubectl: Kubectl, namespace: str) -> None:
    status = {"observedGeneration": 1, "conditions": [READY | {"reason": "Claimed"}]}
    server.replace_status(_with_status(TENANT, status), namespace, OPERATOR).raise_for_status()

    shown = _rows(kubectl("get", "ptn", "acme").stdout)

    assert shown[0] == ["NAME", "NAMESPACES", "READY", "REASON", "AGE"]
    assert shown[1][:4] == ["acme", '["acme-dev","acme-prod"]', "True", "Claimed"]


def test_everything_of_a_namespace_is_one_category(kubectl: Kubectl, namespace: str) -> None:
    listed = kubectl("get", "promptops", "-n", namespace, "-o", "name").stdout.split()

    assert listed == [
        "prompt.promptops.io/greeting",
        "promptversion.promptops.io/greeting-1.0.0",
        "tenant.promptops.io/acme",
    ]


@pytest.mark.parametrize(
    ("kind", "selector", "found"),
    [
        ("prompts", "spec.promptId=team/greeting", "greeting"),
        ("prompts", "spec.promptId=team/other", ""),
        ("prompts", "spec.activeVersion=1.0.0", "greeting"),
        ("promptversions", "spec.promptRef.name=greeting", "greeting-1.0.0"),
        ("promptversions", "spec.promptRef.name=other", ""),
        ("promptversions", "spec.version=1.0.0", "greeting-1.0.0"),
    ],
)
def test_objects_are_selected_by_field(kubectl: Kubectl, namespace: str, kind: str, selector: str, found: str) -> None:
    template = "--output=jsonpath={.items[*].metadata.name}"

    assert kubectl("get", kind, "-n", namespace, f"--field-selector={selector}", template).stdout == found


def test_kubectl_explains_a_field(kubectl: Kubectl, server: Server) -> None:
    explained = kubectl("explain", "promptversion.spec.content.text").stdout

    assert "`{{ name }}` stands for the value of a declared variable." in " ".join(explained.split())


def test_what_was_applied_shows_no_difference(kubectl: Kubectl, namespace: str) -> None:
    written = json.dumps({"apiVersion": "v1", "kind": "List", "items": [PROMPT, VERSION]})
    kubectl("apply", "-n", namespace, "-f", "-", input=written)

    compared = kubectl("diff", "-n", namespace, "-f", "-", input=written, check=False)

    assert (compared.returncode, compared.stdout) == (0, "")


def test_an_installation_applied_again_shows_no_difference(server: Server, kubectl: Kubectl) -> None:
    installed = json.dumps({"apiVersion": "v1", "kind": "List", "items": codegen.manifests(OPERATOR_NAMESPACE)})

    compared = kubectl("diff", "--server-side", "--force-conflicts", "-f", "-", input=installed, check=False)

    assert (compared.returncode, compared.stdout) == (0, "")


def test_a_misspelled_field_is_refused_by_name(kubectl: Kubectl, namespace: str) -> None:
    misspelled = json.dumps(prompt("a", activeVerison="1.0.0"))

    refused = kubectl("apply", "-n", namespace, "-f", "-", input=misspelled, check=False)

    assert refused.returncode == 1
    assert 'unknown field "spec.activeVerison"' in refused.stderr


def _with_status(manifest: dict[str, object], status: dict[str, object]) -> dict[str, object]:
    return {key: manifest[key] for key in ("apiVersion", "kind", "metadata")} | {"status": status}


FIXED = version(
    "fixed",
    "1.0.0",
    {
        "text": "{{ one }} {{ other }}",
        "variables": [{"name": "one", "type": "string"}, {"name": "other", "type": "string"}],
        "parameters": {"extra": {"top_k": 40}},
    },
    tests=[{"name": "renders", "variables": {"one": "1", "other": "2"}, "expect": [{"equals": "1 2"}]}],
)


def _fixed_with(**changed: Any) -> dict[str, Any]:
    spec = FIXED["spec"]
    return FIXED | {"spec": spec | {"content": spec["content"] | changed}}


@pytest.mark.parametrize(
    ("replacement", "field"),
    [
        pytest.param(_fixed_with(parameters={"extra": {"topK": 40}}), "content", id="a renamed key in extra"),
        pytest.param(_fixed_with(variables=FIXED["spec"]["content"]["variables"][::-1]), "content", id="two variables swapped"),
        pytest.param(_fixed_with(responseFormat={"type": "text"}), "content", id="an optional field added"),
        pytest.param(FIXED | {"spec": FIXED["spec"] | {"tests": [FIXED["spec"]["tests"][0] | {"expect": [{"contains": "1"}]}]}}, "tests", id="a test changed"),
    ],
)  # fmt: skip
def test_m11_no_part_of_a_version_is_replaced(
    server: Server, kubectl: Kubectl, namespace: str, replacement: dict[str, Any], field: str
) -> None:
    """Nothing of ours runs here but the definitions and policies."""
    server.create(FIXED, namespace)
    refused = kubectl("replace", "-n", namespace, "-f", "-", input=json.dumps(replacement), check=False)
    kept = json.loads(kubectl("get", "pmv", "fixed-1.0.0", "-n", namespace, "-o", "json").stdout)

    assert refused.returncode != 0
    assert f"{field} of a PromptVersion cannot be changed: create a new version" in refused.stderr
    assert kept["spec"] == FIXED["spec"] | {"lifecycle": "Available"}
