"""What an installation consists of besides the processes, as plain manifests in the order to apply them."""

from __future__ import annotations

from typing import Any

from promptops.api.names import RELAY
from promptops.codegen import crds, forgery, injection, policies, projections, rbac

Manifest = dict[str, Any]

NAME = "promptops"


def manifests(namespace: str) -> tuple[Manifest, ...]:
    """Return CRDs, policies, namespace, ServiceAccounts and roles of an operator that lives in `namespace`, and of its relays."""
    installation = rbac.Installation(NAME, namespace, NAME)
    return (
        *crds.definitions(),
        *policies.policies(rbac.releaser(installation)),
        *forgery.policies(namespace),
        *projections.own_config_maps(namespace, NAME),
        *injection.refusals(namespace),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": namespace}},
        *rbac.operator_roles(installation),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": RELAY, "namespace": namespace}},
        *rbac.webhook_roles(installation),
        *rbac.relay_roles(installation),
        *rbac.people_roles(installation),
    )
