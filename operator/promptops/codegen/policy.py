"""The shape of a ValidatingAdmissionPolicy and its binding, with everything that the API server would fill in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from promptops.api.v1alpha1 import GROUP

Manifest = dict[str, Any]

API: Final = "admissionregistration.k8s.io/v1"
WRITES: Final = ("CREATE", "UPDATE")
_CONTROLLERS: Final = (
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:namespace-controller",
    "system:kube-controller-manager",
)
"""Who removes what belongs to something that is gone; the last where the controllers have no accounts of their own."""
PEOPLE_ALONE: Final[tuple[Manifest, ...]] = (
    {
        "name": "no-controller-of-the-cluster",
        "expression": f"!(request.userInfo.username in [{', '.join(map(repr, _CONTROLLERS))}])",
    },
)
"""The condition under which a policy looks at nothing that garbage collection or the end of a namespace does."""
NAMESPACE_ENDS: Final = "(request.operation == 'DELETE' && has(namespaceObject.metadata.deletionTimestamp))"
"""The same of a namespace that somebody else clears: conditions know of no namespace, validations do."""


def our_kinds(operations: Sequence[str], plurals: Sequence[str]) -> Manifest:
    """Return what selects requests for kinds of ours."""
    matched = {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": list(operations),
        "resources": list(plurals),
        "scope": "*",
    }
    # What the API server would fill in stands here: applying twice, and GitOps, must find no difference.
    return {"resourceRules": [matched], "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}


def policy(name: str, matches: Manifest, rules: Manifest, binding: Manifest | None = None) -> tuple[Manifest, Manifest]:
    """Return a policy that refuses when it cannot be evaluated, and its binding, to which `binding` is added."""
    spec = {"failurePolicy": "Fail", "matchConstraints": matches, **rules}
    bound = {"policyName": name, **(binding or {}), "validationActions": ["Deny"]}
    return (
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": bound},
    )


def named(expressions: dict[str, str]) -> list[Manifest]:
    """Return expressions by name as a list of variables."""
    return [{"name": name, "expression": expression} for name, expression in expressions.items()]


def refusal(passes: str, message: str = "", *, expression: str = "", reason: str = "Forbidden") -> Manifest:
    """Return a validation: `passes` is true for what is not refused; what is said otherwise is a text or an expression."""
    said = {"message": message} if message else {"messageExpression": expression}
    return {"expression": passes, **said, "reason": reason}
