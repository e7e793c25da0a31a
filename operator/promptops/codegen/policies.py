"""Admission policies: the second lock on what the schema already forbids, standing with every webhook down."""

from __future__ import annotations

from typing import Any

from promptops.api.v1alpha1 import GROUP, PromptVersion
from promptops.api.v1alpha1.prompt_version import PromptVersionSpec

Manifest = dict[str, Any]

VERSION_CONTENT = "promptops-version-content"


def policies() -> tuple[Manifest, ...]:
    """Return every ValidatingAdmissionPolicy, each followed by its binding."""
    return (_version_content(), _binding(VERSION_CONTENT))


def _version_content() -> Manifest:
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": [PromptVersion.NAMES.plural],
        "scope": "*",
    }
    # What the API server would fill in stands here: applying twice, and GitOps, must find no difference.
    matches = {"resourceRules": [rule], "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": VERSION_CONTENT},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": matches,
            "validations": [_unchanged(field) for field in PromptVersionSpec.fixed_fields()],
        },
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
