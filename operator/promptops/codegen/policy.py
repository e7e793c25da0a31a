"""The shape of a ValidatingAdmissionPolicy and its binding, with everything that the API server would fill in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from promptops.api.limits import MAX_OBJECT_NAME_CHARACTERS
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
_MOST_LISTED: Final = 3
"""How many names a message has before it counts the others."""


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


def refusal(passes: str, message: str, *, expression: str = "", reason: str = "Forbidden") -> Manifest:
    """Return a validation: `passes` is true for what is not refused; otherwise `message` is said, or what `expression` gives.

    `message` stands beside every expression. What one gives is dropped when it is longer than 5 KiB, has a line break or is blank,
    as it is when the expression fails; without a message, people would read `failed expression` and CEL.
    https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#message-expression
    """
    said = {"message": message, "messageExpression": expression} if expression else {"message": message}
    return {"expression": passes, **said, "reason": reason}


def quoted(written: str) -> str:
    """Return in CEL what somebody wrote, as a message takes it: on one line, and cut where no name is so long."""
    cut = f"size(text) > {MAX_OBJECT_NAME_CHARACTERS} ? text.substring(0, {MAX_OBJECT_NAME_CHARACTERS}) + '...' : text"
    # A list of one stands for the variable that expressions lack: what is written may be long to spell.
    return rf"[{written}].map(text, {cut})[0].replace('\n', ' ').replace('\r', ' ')"


def listed(names: str) -> str:
    """Return in CEL the first names of a list, and how many more there are: a, b, c and 97 more."""
    # The function slice is younger than Kubernetes 1.31.
    places = ", ".join(map(str, range(_MOST_LISTED)))
    first = f"[{places}].filter(place, place < size({names})).map(place, {quoted(f'{names}[place]')}).join(', ')"
    others = f"size({names}) - {_MOST_LISTED}"
    return f"{first} + ({others} > 0 ? ' and ' + string({others}) + ' more' : '')"
