"""Admission policies, standing with every webhook down: a second lock, and the bound that no schema can say."""

from __future__ import annotations

from typing import Any

from promptops.api.v1alpha1 import GROUP, KINDS, PromptVersion
from promptops.api.v1alpha1.prompt_version import PromptVersionSpec

Manifest = dict[str, Any]

VERSION_CONTENT = "promptops-version-content"
OBJECT_SIZE = "promptops-object-size"

MAX_SPEC_BYTES = 256 * 1024
"""All of a spec; content alone has a lower bound."""
_MAX_STORED_BYTES = 1_000_000
"""Two thirds of what etcd takes. The rest is for the status."""


def policies() -> tuple[Manifest, ...]:
    """Return every ValidatingAdmissionPolicy, each followed by its binding."""
    return (_version_content(), _binding(VERSION_CONTENT), _object_size(), _binding(OBJECT_SIZE))


def _version_content() -> Manifest:
    return _policy(
        VERSION_CONTENT,
        ["UPDATE"],
        [PromptVersion.NAMES.plural],
        {"validations": [_unchanged(field) for field in PromptVersionSpec.fixed_fields()]},
    )


def _object_size() -> Manifest:
    """Bound the whole object: no schema bounds free JSON, and what fills its place in etcd can never be given a status.

    etcd holds JSON as Go writes it: six bytes for <, > and &, two for a quote. What CEL formats has control characters escaped.
    """
    variables = {
        "spec": "'%s'.format([object.spec])",
        "whole": "variables.spec + '%s'.format([object.metadata])",
        "sixfold": "size(variables.whole) - size(variables.whole.replace('<', '').replace('>', '').replace('&', ''))",
        "stored": "2 * size(bytes(variables.whole)) + 4 * variables.sixfold",
    }
    validations = [
        {
            "expression": f"size(bytes(variables.spec)) <= {MAX_SPEC_BYTES}",
            "message": f"spec may have at most {MAX_SPEC_BYTES // 1024} KiB in all, free JSON included: make it smaller",
            "reason": "Invalid",
        },
        {
            "expression": f"variables.stored <= {_MAX_STORED_BYTES}",
            "message": "spec and metadata together are too large to leave room for a status: make them smaller, or apply"
            " with --server-side, which keeps no copy in an annotation",
            "reason": "Invalid",
        },
    ]
    written = [{"name": name, "expression": expression} for name, expression in variables.items()]
    plurals = [kind.NAMES.plural for kind in KINDS]
    return _policy(OBJECT_SIZE, ["CREATE", "UPDATE"], plurals, {"variables": written, "validations": validations})


def _policy(name: str, operations: list[str], plurals: list[str], rules: Manifest) -> Manifest:
    matched = {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": plurals,
        "scope": "*",
    }
    # What the API server would fill in stands here: applying twice, and GitOps, must find no difference.
    matches = {"resourceRules": [matched], "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {"failurePolicy": "Fail", "matchConstraints": matches, **rules},
    }


def _unchanged(field: str) -> Manifest:
    return {
        # Optionals compare presence and value at once, and deeply: policies see objects without their schema.
        "expression": f"object.spec.?{field} == oldObject.spec.?{field}",
        "message": f"{field} of a PromptVersion cannot be changed: create a new version",
        "reason": "Invalid",
    }


def _binding(policy: str) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": policy},
        "spec": {"policyName": policy, "validationActions": ["Deny"]},
    }
