"""Pods that run one of the product's images under the restricted Pod Security standard, on a read-only root."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.cluster.cluster import Cluster

Manifest = dict[str, Any]


def pod(
    name: str,
    image: str,
    *,
    arguments: Sequence[str] = (),
    command: Sequence[str] = (),
    config_map: str | None = None,
    probes: Mapping[str, Manifest] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a pod; a ConfigMap's files are at /prompts. There is nothing it may write to."""
    container: Manifest = {
        "name": "main",
        "image": image,
        # The images are there already: nothing may be pulled.
        "imagePullPolicy": "Never",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **({"command": list(command)} if command else {}),
        **({"args": list(arguments)} if arguments else {}),
        **(probes or {}),
        "env": [{"name": name, "value": value} for name, value in (environment or {}).items()],
    }
    specification: Manifest = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    if config_map:
        container["volumeMounts"] = [{"name": "prompts", "mountPath": "/prompts", "readOnly": True}]
        specification["volumes"] = [{"name": "prompts", "configMap": {"name": config_map}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": specification}


def run(cluster: Cluster, namespace: str, manifest: Manifest) -> None:
    """Start a pod and wait until it is ready."""
    cluster.kubectl("apply", f"-n={namespace}", "-f=-", input=json.dumps(manifest))
    cluster.kubectl("wait", f"-n={namespace}", "--for=condition=Ready", f"pod/{name_of(manifest)}", "--timeout=90s")


def python(cluster: Cluster, namespace: str, name: str, code: str, *arguments: str) -> str:
    """Run Python code in a pod; return what it prints. Raises ClusterError when it fails."""
    command = ("exec", f"-n={namespace}", name, "--", "python", "-c", code, *arguments)
    return cluster.kubectl(*command).stdout.strip()


def restarts(pod: Manifest, container: str) -> int | None:
    """Return how often a container of a pod was started again; None before anything is said of it, as of a pod that was just made."""
    status = pod.get("status", {})
    said = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return next((each["restartCount"] for each in said if each["name"] == container), None)


def name_of(manifest: Manifest) -> str:
    """Return the name of an object."""
    return str(manifest["metadata"]["name"])
