"""Every value of the chart with something a person could set it to, made from values.schema.json and values.yaml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

DIGEST: Final = f"sha256:{'a' * 64}"
STRINGS: Final = {"example.com/team": "platform", "team": "yes"}
"""Labels and annotations; the second is no text for a parser that is not told so."""
OWN_LABELS: Final = {"app.kubernetes.io/part-of": "mine", "app.kubernetes.io/name": "mine", "team": "1"}
"""Labels that the chart sets too."""
TOLERATION: Final = {
    "key": "dedicated",
    "operator": "Equal",
    "value": "x",
    "effect": "NoExecute",
    "tolerationSeconds": 9,
}
EXAMPLES: Final[dict[str, Any]] = {
    "crds.enabled": True,  # elsewhere left out: see EVERYTHING
    "nameOverride": "mine",
    "fullnameOverride": "mine",
    "image.registry": "r.example.com:5000/team",
    "image.repository": "mine",
    "image.tag": "1.2.3",
    "image.digest": DIGEST,
    "imagePullSecrets": [{"name": "pull"}, {"name": "other"}],
    "serviceAccount.name": "mine",
    "serviceAccount.annotations": STRINGS,
    "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": "500m"}},
    "admission.resources": {"requests": {"cpu": 0.5}, "limits": {"memory": "1Gi"}},
    "relay.resources": {"requests": {"cpu": 0.5}, "limits": {"memory": "1Gi"}},
    "gateway.resources": {"requests": {"cpu": 0.5}, "limits": {"memory": "1Gi"}},
    "nodeSelector": STRINGS,
    "tolerations": [TOLERATION],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    ],
    "priorityClassName": "high",
    "podLabels": STRINGS,
    "podAnnotations": STRINGS | {"kubectl.kubernetes.io/default-container": "mine"},
    "podSecurityContext": {"runAsNonRoot": True, "fsGroup": 1000},
    "securityContext": {"privileged": False, "capabilities": {"add": ["NET_BIND_SERVICE"]}},
    "extraEnv": [
        {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
        {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
    ],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca", "readOnly": True}],
    "injection.image.registry": "r.example.com",
    "injection.image.repository": "mine",
    "injection.image.tag": "1.2.3",
    "injection.image.digest": DIGEST,
    "injection.cpuRequest": "0.5",
    "injection.cpuLimit": "2",
    "injection.memoryRequest": "1Gi",
    "injection.memoryLimit": "1Gi",
    "injection.snapshotSize": "1Gi",
    "injection.collectorUrl": "http://collector.observability:4318",
    "redis.url": "rediss://redis.example.com:6379/0",
    "redis.relay.username": "promptops-writer",
    "redis.relay.secretName": "other-mirror",
    "redis.sidecar.username": "promptops-reader",
    "redis.sidecar.secretName": "promptops-mirror",
    "monitoring.dashboard.labels": OWN_LABELS,
    "monitoring.podMonitor.labels": OWN_LABELS,
    "monitoring.podMonitor.interval": "1m30s",
    "monitoring.prometheusRule.labels": OWN_LABELS,
    "monitoring.prometheusRule.runbookUrl": "https://example.com/runbooks",
    "monitoring.prometheusRule.window": "10m",
}
"""What nothing can be derived for, by path."""
EVERYTHING: Final[dict[str, Any]] = {
    "crds": {"enabled": False},
    "relay": {"replicas": 2},
    "gateway": {"replicas": 2},
}
"""What every other value is tried beside: all that is off by default, and no definitions, which are a dozen times the rest."""
TOGETHER: Final[dict[str, dict[str, Any]]] = {
    **{
        f"redis.{each}": {"redis": {"url": "redis://redis.example.com"}}
        for each in ("ownAuthority", "relay.username", "relay.secretName")
    },
    "serviceAccount.create": {"serviceAccount": {"name": "mine"}},
    "admission.enabled": {"injection": {"mode": "none"}},
}
"""What has to be set as well."""


@dataclass(frozen=True)
class Value:
    """A value of the chart: a section, or something in one."""

    path: str
    schema: dict[str, Any]
    default: Any

    @property
    def is_section(self) -> bool:
        """It has named values of its own; Kubernetes' own structures have not."""
        return "properties" in self.schema and self.path not in EXAMPLES

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What to give to helm for each other value than the default, by what a person would call it."""
        together = TOGETHER.get(self.path, {})
        return {f"{self.path}={json.dumps(other)}": merged(nested(self.path, other), together) for other in self.others}

    @property
    def others(self) -> list[Any]:
        """Values that it can have and has not by default."""
        if self.path in EXAMPLES:
            return [EXAMPLES[self.path]]
        if "enum" in self.schema:
            return [each for each in self.schema["enum"] if each != self.default]
        match self.schema["type"]:
            case "boolean":
                return [not self.default]
            case "integer" | "number":
                return [self.default + 1]
            case "string" if self.path.endswith(".for"):
                return ["7m"]
        raise AssertionError(f"{self.path} needs an example")


def every_value(chart: Path) -> list[Value]:
    """Return all values of a chart, sections before what is in them."""
    schema = json.loads((chart / "values.schema.json").read_text())
    return list(_values(schema, schema["definitions"], yaml.safe_load((chart / "values.yaml").read_text()), ""))


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return {"a": {"b": value}} for a.b."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return both, the second within the first."""
    both = dict(one)
    for name, value in other.items():
        inside = both.get(name)
        both[name] = merged(inside, value) if isinstance(inside, dict) and isinstance(value, dict) else value
    return both


def _values(schema: dict[str, Any], definitions: dict[str, Any], defaults: Any, above: str) -> Iterator[Value]:
    for name, found in schema.get("properties", {}).items():
        if (path := f"{above}{name}") in ("global", "enabled"):
            continue
        node = definitions[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
        value = Value(path, node, (defaults or {}).get(name))
        yield value
        if value.is_section:
            yield from _values(node, definitions, value.default, f"{path}.")
