"""Whose a namespace is, by what the store knows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from promptops.controller.intake.store import ObjectStore
from promptops.controller.publish.tenancy import Tenancy
from tests.support.manifests import stored, tenant

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
