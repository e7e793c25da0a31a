"""Injection without a webhook: the description as a MutatingAdmissionPolicy; and who is refused, as a validating one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from promptops.api.limits import PROTECTED_NAMESPACES
from promptops.api.names import TRUST_CONFIG_MAP, TRUST_KEY
from promptops.domain.injection import description
from promptops.domain.injection.description import CONTAINER, ENVIRONMENT, MOUNT, PARAMETERS, VOLUMES, Given, Hole
from promptops.domain.injection.refusals import REFUSALS, is_injected_expression

Manifest = dict[str, Any]

INJECTION: Final = "promptops-injection"
REFUSAL: Final = "promptops-injection-refusals"
_API: Final = "admissionregistration.k8s.io/v1"
_POINTER: Final = f"/metadata/labels/{description.INJECTED_LABEL.replace('/', '~1')}"


def asking_pods() -> Manifest:
    """Return what selects the pods that ask for a sidecar."""
    return {"matchLabels": {description.INJECT_LABEL: description.TRUE}}


def namespaces(namespace: str) -> Manifest:
    """Return what selects every namespace but the cluster's own and the operator's."""
    closed = [*sorted(PROTECTED_NAMESPACES), namespace]
    key = "kubernetes.io/metadata.name"
    return {"matchExpressions": [{"key": key, "operator": "NotIn", "values": closed}]}


def refusals(namespace: str) -> tuple[Manifest, ...]:
    """Return the policy that refuses a pod that asks for what it cannot have, and its binding.

    It comes after whatever injects, and stands with every webhook down.
    """
    validations = [{"expression": row.passes, "message": row.message, "reason": "Invalid"} for row in REFUSALS]
    policy = {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": REFUSAL},
        "spec": {"failurePolicy": "Fail", "matchConstraints": _matched(namespace), "validations": validations},
    }
    return (policy, _binding("ValidatingAdmissionPolicyBinding", REFUSAL, {"validationActions": ["Deny"]}))


def mutation(namespace: str, parameters: str) -> tuple[Manifest, ...]:
    """Return the policy that injects, and its binding to the trust that the operator gives.

    `parameters` is a JSON object with description.PARAMETERS. Whatever goes wrong with either, the pod is created.
    """
    refused = [{"name": f"refusal-{number}", "expression": row.passes} for number, row in enumerate(REFUSALS)]
    missing = {"name": "not-injected", "expression": f"!({is_injected_expression()})"}
    written = {"parameters": parameters, "annotations": "object.metadata.?annotations.orValue({})"}
    policy = {
        "apiVersion": _API,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": INJECTION},
        "spec": {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "failurePolicy": "Ignore",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": _matched(namespace),
            "matchConditions": [missing, *refused],
            "variables": [{"name": name, "expression": text} for name, text in written.items()],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _patch()}}],
        },
    }
    given = {"name": TRUST_CONFIG_MAP, "namespace": namespace, "parameterNotFoundAction": "Allow"}
    return (policy, _binding("MutatingAdmissionPolicyBinding", INJECTION, {"paramRef": given}))


def _matched(namespace: str) -> Manifest:
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "*"}
    return {
        "resourceRules": [pods],
        "matchPolicy": "Equivalent",
        "namespaceSelector": namespaces(namespace),
        "objectSelector": asking_pods(),
    }


def _binding(kind: str, policy: str, more: Manifest) -> Manifest:
    return {
        "apiVersion": _API,
        "kind": kind,
        "metadata": {"name": policy},
        "spec": {"policyName": policy, **more},
    }


def _patch() -> str:
    """Return a list of JSONPatch: the application's containers first, while their places are still their own."""
    label = f"[JSONPatch{{op: 'add', path: '{_POINTER}', value: '{description.TRUE}'}}]"
    parts = [label, _served("containers"), _served("initContainers")]
    parts.append(_added("initContainers", [f"'/spec/initContainers/0', value: {expression(CONTAINER)}"]))
    always = [each for each in VOLUMES if not isinstance(each, Given)]
    parts.append(_added("volumes", [f"'/spec/volumes/-', value: {expression(each)}" for each in always]))
    for each in VOLUMES:
        if isinstance(each, Given):
            patch = f"JSONPatch{{op: 'add', path: '/spec/volumes/-', value: {expression(each.element)}}}"
            parts.append(f"({_is_given(each)} ? [{patch}] : [])")
    return "\n+ ".join(parts)


def _served(kind: str) -> str:
    """Return the patches of every container of a kind: what it is told, and where its sidecar's socket is."""
    environment = "\n  + ".join(
        f"(c.?env.orValue([]).exists(e, e.name == '{each['name']}') ? []"
        f" : [JSONPatch{{op: 'add', path: path + '/env/-', value: {expression(each)}}}])"
        for each in ENVIRONMENT
    )
    # With two variables a comprehension knows the place of each container, and `path` is only a shorter word for it.
    path = f"('/spec/{kind}/' + string(i))"
    patches = f"""\
(has(c.env) ? [] : [JSONPatch{{op: 'add', path: path + '/env', value: []}}])
  + {environment}
  + (has(c.volumeMounts) ? [] : [JSONPatch{{op: 'add', path: path + '/volumeMounts', value: []}}])
  + (c.?volumeMounts.orValue([]).exists(m, m.mountPath == '{MOUNT["mountPath"]}') ? []
    : [JSONPatch{{op: 'add', path: path + '/volumeMounts/-', value: {expression(MOUNT)}}}])"""
    containers = f"object.spec.?{kind}.orValue([])"
    return f"{containers}.transformList(i, c, {patches.replace('path + ', f'{path} + ')}).flatten()"


def _added(kind: str, patches: Sequence[str]) -> str:
    listed = ", ".join(f"JSONPatch{{op: 'add', path: {patch}}}" for patch in patches)
    return f"(has(object.spec.{kind}) ? [] : [JSONPatch{{op: 'add', path: '/spec/{kind}', value: []}}])\n+ [{listed}]"


def expression(value: Any) -> str:
    """Return a part of the description in CEL. Everything is dyn: a map or list of CEL holds values of one type."""
    if isinstance(value, Hole):
        return _hole(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(_entry(key, each) for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_element, value)) + "]"
    return json.dumps(value)


def _element(value: Any) -> str:
    if isinstance(value, Given):
        return f"?({_is_given(value)} ? optional.of(dyn({expression(value.element)})) : optional.none())"
    return f"dyn({expression(value)})"


def _is_given(part: Given) -> str:
    return " && ".join(f"{_hole(hole)} != ''" for hole in part.holes)


def _entry(key: str, value: Any) -> str:
    if isinstance(value, Hole) and value.may_be_empty:
        return f'?"{key}": optional.ofNonZeroValue(dyn({_hole(value)}))'
    return f'"{key}": dyn({expression(value)})'


def _hole(hole: Hole) -> str:
    given = f"params.data['{TRUST_KEY}']" if hole.parameter == TRUST_KEY else f"variables.parameters.{hole.parameter}"
    if not hole.annotation:
        return given
    return f"variables.annotations[?'{hole.annotation}'].orValue({given})"


def parameters_literal(parameters: Mapping[str, str]) -> str:
    """Return the installation's parameters as `mutation` takes them."""
    return json.dumps({key: parameters[key] for key in PARAMETERS})
