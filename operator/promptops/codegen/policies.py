"""Admission policies, standing with every webhook down: a second lock, the bound that no schema can say, and who may do what."""

from __future__ import annotations

from typing import Any

from promptops.api.v1alpha1 import KINDS, PromptVersion
from promptops.api.v1alpha1.prompt_version import PromptVersionSpec
from promptops.codegen import activation, claims, projections, references
from promptops.codegen.policy import WRITES, named, our_kinds, policy, refusal

Manifest = dict[str, Any]

VERSION_CONTENT = "promptops-version-content"
OBJECT_SIZE = "promptops-object-size"

MAX_SPEC_BYTES = 256 * 1024
"""All of a spec; content alone has a lower bound."""
_MAX_STORED_BYTES = 1_000_000
"""Two thirds of what etcd takes. The rest is for the status."""


def policies(releaser: str) -> tuple[Manifest, ...]:
    """Return every ValidatingAdmissionPolicy on our kinds, each followed by its binding.

    `releaser`: name of the role that may change what is served.
    """
    return (
        *_version_content(),
        *_object_size(),
        *activation.policies(releaser),
        *references.policies(),
        *projections.policies(),
        *claims.policies(),
    )


def _version_content() -> tuple[Manifest, Manifest]:
    validations = [_unchanged(field) for field in PromptVersionSpec.fixed_fields()]
    return policy(VERSION_CONTENT, our_kinds(["UPDATE"], [PromptVersion.NAMES.plural]), {"validations": validations})


def _object_size() -> tuple[Manifest, Manifest]:
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
        refusal(
            f"size(bytes(variables.spec)) <= {MAX_SPEC_BYTES}",
            f"spec may have at most {MAX_SPEC_BYTES // 1024} KiB in all, free JSON included: make it smaller",
            reason="Invalid",
        ),
        refusal(
            f"variables.stored <= {_MAX_STORED_BYTES}",
            "spec and metadata together are too large to leave room for a status: make them smaller, or apply"
            " with --server-side, which keeps no copy in an annotation",
            reason="Invalid",
        ),
    ]
    plurals = [kind.NAMES.plural for kind in KINDS]
    rules = {"variables": named(variables), "validations": validations}
    return policy(OBJECT_SIZE, our_kinds(WRITES, plurals), rules)


def _unchanged(field: str) -> Manifest:
    return refusal(
        # Optionals compare presence and value at once, and deeply: policies see objects without their schema.
        f"object.spec.?{field} == oldObject.spec.?{field}",
        f"{field} of a PromptVersion cannot be changed: create a new version",
        reason="Invalid",
    )
