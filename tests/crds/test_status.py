"""Status is the operator's: its own rights are enough to write it as a whole, and nobody else's are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.crds.server import OPERATOR, Server, path_of
from tests.support.manifests import prompt as spelled

PROMPT = spelled("greeting", activeVersion="1.0.0")


@pytest.fixture
def prompt(server: Server, namespace: str) -> Iterator[dict[str, Any]]:
    """A new Prompt as it is stored."""
    yield server.create(PROMPT, namespace).raise_for_status().json()
    server.delete(PROMPT, namespace)


def _condition(kind: str, status: str = "True") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": "Active",
        "message": "It is so.",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }


def _status(**status: Any) -> dict[str, Any]:
    return {key: PROMPT[key] for key in ("apiVersion", "kind", "metadata")} | {"status": status}


def test_a_condition_that_is_left_out_is_gone(server: Server, namespace: str, prompt: dict[str, Any]) -> None:
    both = _status(observedGeneration=1, conditions=[_condition("Ready"), _condition("Reconciling")])
    server.replace_status(both, namespace, OPERATOR).raise_for_status()

    after = server.replace_status(_status(observedGeneration=1, conditions=[_condition("Ready")]), namespace, OPERATOR)

    assert [condition["type"] for condition in after.json()["status"]["conditions"]] == ["Ready"]


def test_conditions_keep_the_order_they_are_decided_in(server: Server, namespace: str, prompt: dict[str, Any]) -> None:
    one = _status(observedGeneration=1, conditions=[_condition("Ready"), _condition("Converged")])
    server.replace_status(one, namespace, OPERATOR).raise_for_status()

    other = _status(observedGeneration=1, conditions=[_condition("Converged"), _condition("Ready")])
    after = server.replace_status(other, namespace, OPERATOR)

    assert [condition["type"] for condition in after.json()["status"]["conditions"]] == ["Converged", "Ready"]


def test_the_same_status_again_is_no_change(server: Server, namespace: str, prompt: dict[str, Any]) -> None:
    status = _status(observedGeneration=1, phase="Healthy", conditions=[_condition("Ready")])
    first = server.replace_status(status, namespace, OPERATOR).json()

    again = server.replace_status(status, namespace, OPERATOR).json()

    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_status_leaves_spec_and_generation_alone(server: Server, namespace: str, prompt: dict[str, Any]) -> None:
    written = _status(observedGeneration=1) | {"spec": {"activeVersion": "2.0.0"}}

    after = server.replace_status(written, namespace, OPERATOR).json()

    assert (after["spec"], after["metadata"]["generation"]) == (prompt["spec"], 1)


def test_a_status_beside_a_new_spec_is_ignored(server: Server, namespace: str, prompt: dict[str, Any]) -> None:
    after = server.replace(prompt | {"status": {"observedGeneration": 7}}, namespace).json()

    assert after["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        pytest.param({"servedBy": "x"}, "unknown field", id="unknown field"),
        pytest.param({"phase": "Fine"}, "Unsupported value", id="unknown phase"),
        pytest.param({"conditions": [_condition("Ready", "Maybe")]}, "Unsupported value", id="unknown truth"),
    ],
)
def test_a_status_has_a_schema(
    server: Server, namespace: str, prompt: dict[str, Any], status: dict[str, Any], refusal: str
) -> None:
    refused = server.replace_status(_status(observedGeneration=1, **status), namespace, OPERATOR)

    assert refused.is_client_error or refused.is_server_error
    assert refusal in refused.text


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_people_who_edit_prompts_cannot_write_what_is_served(
    server: Server, namespace: str, prompt: dict[str, Any], role: str
) -> None:
    user = f"{role}or"
    server.bind(namespace, user, role)

    may_edit = server.replace(prompt | {"spec": {**prompt["spec"], "historyLimit": 5}}, namespace, user)
    by_replacing = server.replace_status(_status(observedGeneration=1), namespace, user)
    by_update = server.send("PUT", f"{path_of(prompt, namespace)}/status", may_edit.json(), user)

    assert may_edit.status_code == 200, may_edit.text
    assert (by_replacing.status_code, by_update.status_code) == (403, 403)
    assert 'cannot update resource "prompts/status"' in by_replacing.json()["message"]
