"""The kinds that the operator reads and writes, and how their URLs are spelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptops.api.v1alpha1 import GROUP, PROJECTION_LABEL, VERSION, WATCH_LABEL
from promptops.domain.injection.description import INJECT_LABEL, INJECTED_LABEL, TRUE


@dataclass(frozen=True)
class Resource:
    """A kind as the API server serves it."""

    kind: str
    group: str
    version: str
    plural: str
    namespaced: bool
    label_selector: str = ""
    """What of it we are allowed to notice."""
    field_selector: str = ""
    """The same, by what is in the object itself; the API server knows few fields of each kind."""
    by_metadata: bool = False
    """Followed by metadata alone: what stands in an object is read when a decision asks for it."""

    @property
    def api_version(self) -> str:
        """The apiVersion in its manifests."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def selects(self, manifest: Mapping[str, Any]) -> bool:
        """Tell whether an object that was read by its name is one that the watch would show."""
        key, _, value = self.label_selector.partition("=")
        return not key or (manifest["metadata"].get("labels") or {}).get(key) == value

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the URL's path: all objects, those of a namespace, one object, or a part of it."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root, *(("namespaces", namespace) if namespace and self.namespaced else ()), self.plural]
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


PROMPTS = Resource("Prompt", GROUP, VERSION, "prompts", namespaced=True)
PROMPT_VERSIONS = Resource("PromptVersion", GROUP, VERSION, "promptversions", namespaced=True)
TENANTS = Resource("Tenant", GROUP, VERSION, "tenants", namespaced=False)
CONFIG_MAPS = Resource(
    "ConfigMap", "", "v1", "configmaps", namespaced=True, label_selector=f"{WATCH_LABEL}=true", by_metadata=True
)
"""ConfigMaps that prompts may read. With the label anybody may put a mebibyte where none does."""
PROJECTIONS = Resource("ConfigMap", "", "v1", "configmaps", namespaced=True, label_selector=PROJECTION_LABEL)
"""ConfigMaps that the operator made for prompts."""
NAMESPACES = Resource("Namespace", "", "v1", "namespaces", namespaced=False)

WATCHED: tuple[Resource, ...] = (NAMESPACES, TENANTS, CONFIG_MAPS, PROMPT_VERSIONS, PROMPTS)
"""Every kind decisions are made from; what others refer to comes first."""

UNINJECTED_PODS = Resource(
    "Pod",
    "",
    "v1",
    "pods",
    namespaced=True,
    label_selector=f"{INJECT_LABEL}={TRUE},{INJECTED_LABEL}!={TRUE}",
    field_selector="status.phase!=Succeeded,status.phase!=Failed",
)
"""Pods that ask for a sidecar, have none, and have not ended. Those that will still start without one are among them."""
INJECTED_PODS = Resource(
    "Pod",
    "",
    "v1",
    "pods",
    namespaced=True,
    label_selector=f"{INJECTED_LABEL}={TRUE}",
    field_selector="status.phase=Running",
)
"""Pods that have a sidecar and run. Before, it has had the time to connect: Kubernetes waits for a sidecar that starts."""

SECRETS = Resource("Secret", "", "v1", "secrets", namespaced=True)
LEASES = Resource("Lease", "coordination.k8s.io", "v1", "leases", namespaced=True)
EVENTS = Resource("Event", "", "v1", "events", namespaced=True)
TOKEN_REVIEWS = Resource("TokenReview", "authentication.k8s.io", "v1", "tokenreviews", namespaced=False)
VALIDATING_WEBHOOKS = Resource(
    "ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    namespaced=False,
)
MUTATING_WEBHOOKS = Resource(
    "MutatingWebhookConfiguration",
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    namespaced=False,
)
