"""Whose a namespace is, by what the store knows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from promptops.controller.intake.store import ObjectStore
from promptops.controller.publish.tenancy import Tenancy
from tests.support.manifests import prompt, stored, tenant, version

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("namespace", "owner"),
    [
        pytest.param("shop", "blue", id="claimed"),
        pytest.param("till", None, id="its own"),
        pytest.param("blue", None, id="its own, and called as a Tenant that does not claim it"),
        pytest.param("absent", None, id="claimed, and not in the cluster"),
    ],
)
def test_the_tenant_that_owns_a_namespace(namespace: str, owner: str | None) -> None:
    store = ObjectStore()
    store.ingest("Tenant", None, stored(tenant("blue", "shop", "absent"), namespace=None))
    for name in ("shop", "till", "blue"):
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        store.ingest("Namespace", None, stored(made, namespace=None))

    assert Tenancy(store, "Implicit", lambda: NOW).owner_of(namespace) == owner


def test_what_came_or_went_is_in_the_next_statuses_and_nothing_else_is() -> None:
    store = ObjectStore()
    store.ingest("Tenant", None, stored(tenant("blue", "shop"), namespace=None))
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    store.ingest("Namespace", None, stored(made, namespace=None))
    tenancy = Tenancy(store, "Implicit", lambda: NOW)
    before = tenancy.statuses()[0][2]
    store.ingest("Prompt", None, stored(prompt("greeting", activeVersion="1.0.0"), 2, namespace="shop"))
    store.ingest("PromptVersion", None, stored(version("greeting", "1.0.0", "Hi"), 3, namespace="shop"))
    after = tenancy.statuses()[0][2]

    assert before["usage"] == {"prompts": 0, "versions": 0, "mostPrompts": 0, "mostVersions": 0}
    assert after["usage"] == {"prompts": 1, "versions": 1, "mostPrompts": 1, "mostVersions": 1}
    assert tenancy.usage() == {"blue": after["usage"]}
    assert {**after, "usage": None, "claims": None} == {**before, "usage": None, "claims": None}
