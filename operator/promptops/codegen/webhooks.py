"""What the API server asks the admission webhook, and when. Whose certificate it believes is not said here: the operator writes that."""

from __future__ import annotations

from typing import Any, Final

from promptops.admission.application import INJECT, VALIDATE
from promptops.api.names import VALIDATING_HOOK, WEBHOOK
from promptops.api.v1alpha1 import GROUP, KINDS
from promptops.codegen.injection import asking_pods, namespaces

Manifest = dict[str, Any]

TIMEOUT_SECONDS: Final = 2
_API: Final = "admissionregistration.k8s.io/v1"


def validating(namespace: str) -> Manifest:
    """Return the configuration that has our kinds looked at when they are created or changed."""
    plurals = [kind.NAMES.plural for kind in KINDS]
    rule = _rule([GROUP], ["*"], ["CREATE", "UPDATE"], plurals)
    hook = _webhook(VALIDATING_HOOK, VALIDATE, namespace, rule) | {
        "namespaceSelector": {},
        "objectSelector": {},
    }
    return _configuration("ValidatingWebhookConfiguration", hook)


def mutating(namespace: str) -> Manifest:
    """Return the configuration that has pods injected that ask for it. Those of the cluster and of the operator never are."""
    rule = _rule([""], ["v1"], ["CREATE"], ["pods"])
    hook = _webhook("inject.promptops.io", INJECT, namespace, rule)
    # Whoever comes after us may add containers; a pod that has its sidecar is left as it is.
    hook |= {"namespaceSelector": namespaces(namespace), "objectSelector": asking_pods()}
    return _configuration("MutatingWebhookConfiguration", hook | {"reinvocationPolicy": "IfNeeded"})


def _configuration(kind: str, hook: Manifest) -> Manifest:
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": WEBHOOK}, "webhooks": [hook]}


def _webhook(name: str, path: str, namespace: str, rule: Manifest) -> Manifest:
    """What the API server would fill in stands here: applying twice, and GitOps, must find no difference."""
    return {
        "name": name,
        "clientConfig": {"service": {"name": WEBHOOK, "namespace": namespace, "path": path, "port": 443}},
        "rules": [rule],
        # With the webhook away everything goes on: the operator says the same later, in the status.
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT_SECONDS,
        "admissionReviewVersions": ["v1"],
    }


def _rule(groups: list[str], versions: list[str], operations: list[str], resources: list[str]) -> Manifest:
    return {
        "apiGroups": groups,
        "apiVersions": versions,
        "operations": operations,
        "resources": resources,
        "scope": "*",
    }
