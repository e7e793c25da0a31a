"""manifests/sidecar: the sidecar as a kustomize component, for whoever wants neither webhook nor policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from promptops.api.names import TRUST_CONFIG_MAP, TRUST_KEY, feed_url
from promptops.codegen import yaml_text
from promptops.domain.injection.description import CONTAINER, INJECTED_LABEL, TRUE, VOLUMES, Given, Hole

DEFAULTS: Final = {
    "image": "promptops-sidecar:0.1.0",
    "imagePullPolicy": "IfNotPresent",
    "feedUrl": feed_url("promptops-system"),
    "cpuRequest": "10m",
    "cpuLimit": "",
    "memoryRequest": "96Mi",
    "memoryLimit": "256Mi",
    "snapshotSize": "64Mi",
    "collectorUrl": "",
    "redisUrl": "",
    "redisUsername": "",
    "redisSecret": "",
    "redisAuthority": "",
    "redisWrites": "",
}
"""As the chart has them; an overlay changes them with a patch of its own."""
_KINDS: Final = "(Deployment|StatefulSet|DaemonSet|Job)"
_PATCH: Final = "sidecar.yaml"


def component() -> dict[str, str]:
    """Return the files of the component by their path in the repository, without the mark of what is generated."""
    trust = {"configMapKeyRef": {"name": TRUST_CONFIG_MAP, "key": TRUST_KEY}}
    container = _filled(CONTAINER)
    container["env"] = [
        each if each.get("value") is not None else {"name": each["name"], "valueFrom": trust}
        for each in container["env"]
    ]
    spec = {"initContainers": [container], "volumes": _filled(VOLUMES)}
    template = {"metadata": {"labels": {INJECTED_LABEL: TRUE}}, "spec": spec}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "whatever-the-target-selects"},
        "spec": {"template": template},
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "patches": [{"path": _PATCH, "target": {"kind": _KINDS}}],
    }
    return {"kustomization.yaml": yaml_text.dump(kustomization), _PATCH: yaml_text.dump(patch)}


def _filled(value: Any) -> Any:
    """What the trust is cannot be known here, and is None."""
    if isinstance(value, Hole):
        return DEFAULTS.get(value.parameter)
    if isinstance(value, Mapping):
        filled = {key: _filled(each) for key, each in value.items()}
        return {key: each for key, each in filled.items() if each != ""}
    if isinstance(value, list | tuple):
        # An overlay that has a mirror or a collector says so with a patch of its own.
        return [_filled(each) for each in value if not isinstance(each, Given)]
    return value
