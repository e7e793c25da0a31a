"""One namespace, one Tenant: said when a Tenant is applied. Who holds a namespace is the operator's to decide in any case."""

from __future__ import annotations

from typing import Any, Final

from promptops.api.v1alpha1 import API_VERSION, Tenant
from promptops.codegen.policy import WRITES, listed, named, our_kinds, policy, quoted, refusal

Manifest = dict[str, Any]

CLAIMS: Final = "promptops-claims"


def policies() -> tuple[Manifest, ...]:
    """Return the policy, which looks at every other Tenant, and its binding."""
    taken = "object.spec.namespaces.filter(n, n in params.spec.namespaces)"
    kept = "oldObject != null && oldObject.spec.namespaces == object.spec.namespaces"
    advice = "a namespace has one tenant; remove it from the spec.namespaces of one of the two"
    claimed = f"'Tenant ' + {quoted('params.metadata.name')} + ' claims ' + {listed('variables.taken')}"
    rules = {
        "paramKind": {"apiVersion": API_VERSION, "kind": Tenant.NAMES.kind},
        "variables": named({"taken": taken}),
        "validations": [
            refusal(
                f"params.metadata.name == object.metadata.name || ({kept}) || size(variables.taken) == 0",
                f"another Tenant claims some of spec.namespaces already: {advice}",
                expression=f"{claimed} + ' already: {advice}'",
                reason="Invalid",
            )
        ],
    }
    everyone = {"paramRef": {"selector": {}, "parameterNotFoundAction": "Allow"}}
    return policy(CLAIMS, our_kinds(WRITES, [Tenant.NAMES.plural]), rules, everyone)
