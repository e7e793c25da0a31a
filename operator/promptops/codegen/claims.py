"""One namespace, one Tenant: said when a Tenant is applied. Who holds a namespace is the operator's to decide in any case."""

from __future__ import annotations

from typing import Any, Final

from promptops.api.v1alpha1 import API_VERSION, Tenant
from promptops.codegen.policy import WRITES, our_kinds, policy, refusal

Manifest = dict[str, Any]

CLAIMS: Final = "promptops-claims"


def policies() -> tuple[Manifest, ...]:
    """Return the policy, which looks at every other Tenant, and its binding."""
    taken = "object.spec.namespaces.filter(n, n in params.spec.namespaces)"
    kept = "oldObject != null && oldObject.spec.namespaces == object.spec.namespaces"
    message = (
        f"'Tenant ' + params.metadata.name + ' claims ' + {taken}.join(', ')"
        " + ' already: a namespace has one tenant; remove it from the spec.namespaces of one of the two'"
    )
    rules = {
        "paramKind": {"apiVersion": API_VERSION, "kind": Tenant.NAMES.kind},
        "validations": [
            refusal(
                f"params.metadata.name == object.metadata.name || ({kept}) || size({taken}) == 0",
                expression=message,
                reason="Invalid",
            )
        ],
    }
    everyone = {"paramRef": {"selector": {}, "parameterNotFoundAction": "Allow"}}
    return policy(CLAIMS, our_kinds(WRITES, [Tenant.NAMES.plural]), rules, everyone)
