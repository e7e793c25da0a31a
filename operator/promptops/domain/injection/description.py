"""What is added to a pod that asks for a sidecar, as data: whoever injects fills in the holes and adds nothing of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from promptops.api.feed import AUDIENCE
from promptops.api.names import TRUST_KEY

INJECT_LABEL: Final = "promptops.io/inject"
"""Of a pod whose application wants prompts: "true"."""
INJECTED_LABEL: Final = "promptops.io/injected"
"""Of a pod that has its sidecar, whoever put it there: "true"."""
TRUE: Final = "true"
ANNOTATIONS: Final = "promptops.io/"
"""What annotations of ours begin with. A pod that asks for a sidecar may have those of OVERRIDES and no others."""

SIDECAR: Final = "promptops"
"""Name of the container."""
FEED_VOLUME: Final = "promptops-feed"
SNAPSHOT_VOLUME: Final = "promptops-snapshot"
SOCKET_VOLUME: Final = "promptops-socket"
MIRROR_VOLUME: Final = "promptops-mirror"

DATA_PORT: Final = 8181
OPERATIONS_PORT: Final = 8182
SOCKET_DIRECTORY: Final = "/run/promptops"
SOCKET: Final = f"{SOCKET_DIRECTORY}/promptops.sock"
"""Where the client looks without being told."""
URL: Final = f"http://127.0.0.1:{DATA_PORT}"
_FEED_DIRECTORY: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a token of the Kubernetes API would be mounted, which has no business in a sidecar: the place is taken."""
_SNAPSHOT_DIRECTORY: Final = "/var/lib/promptops"
_MIRROR_DIRECTORY: Final = "/etc/promptops/mirror"
_TOKEN_SECONDS: Final = 3600


@dataclass(frozen=True)
class Hole:
    """A value that only a cluster knows. Where it may be empty and is, what it stands in is left out."""

    parameter: str
    """Key of the parameters."""
    annotation: str = ""
    """Annotation of the pod that wins over the parameter; empty: none does."""
    may_be_empty: bool = False


@dataclass(frozen=True)
class Given:
    """An element of a list that is there where none of these is empty, and is left out elsewhere."""

    holes: tuple[Hole, ...]
    element: Mapping[str, Any]


OVERRIDES: Final[Mapping[str, str]] = {
    "promptops.io/cpu-request": "cpu",
    "promptops.io/cpu-limit": "cpu",
    "promptops.io/memory-request": "memory",
    "promptops.io/memory-limit": "memory",
    "promptops.io/redis-secret": "name",
}
"""The closed list of what a pod may choose of its sidecar, and what kind of value each is."""
PATTERNS: Final[Mapping[str, str]] = {
    "cpu": r"^([1-9][0-9]{0,4}m|[1-9][0-9]{0,1}|[0-9]{1,2}[.][0-9]{1,3})$",
    "memory": r"^[1-9][0-9]{0,5}(Mi|Gi|Ti)$",
    "name": r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$",
}
"""What a value of a kind looks like, in a pattern that RE2 and Python read alike."""

PARAMETERS: Final = (
    "image",
    "imagePullPolicy",
    "feedUrl",
    "cpuRequest",
    "cpuLimit",
    "memoryRequest",
    "memoryLimit",
    "snapshotSize",
    "collectorUrl",
    "redisUrl",
    "redisUsername",
    "redisSecret",
    "redisAuthority",
    "redisWrites",
)
"""What the installation says: the keys of the ConfigMap INJECTION_CONFIG_MAP, all of them text."""


def _variable(name: str, value: str | Hole, *where: Hole) -> Given:
    return Given(where, {"name": name, "value": value})


_REDIS_URL: Final = Hole("redisUrl")
_REDIS_SECRET: Final = Hole("redisSecret", "promptops.io/redis-secret")
_MIRRORED: Final = (_REDIS_URL, _REDIS_SECRET)
"""Who is told of a Secret reads the mirror: without its namespace's key nobody can."""
_NAMED: Final = (*_MIRRORED, Hole("redisUsername"))

CONTAINER: Final[Mapping[str, Any]] = {
    "name": SIDECAR,
    "image": Hole("image"),
    "imagePullPolicy": Hole("imagePullPolicy"),
    "args": ["sidecar"],
    # What makes an init container a sidecar: it starts before the application and ends after it.
    "restartPolicy": "Always",
    "env": [
        {"name": "PROMPTOPS_FEED_URL", "value": Hole("feedUrl")},
        {"name": "PROMPTOPS_TOKEN_FILE", "value": f"{_FEED_DIRECTORY}/token"},
        {"name": "PROMPTOPS_TRUST", "value": Hole(TRUST_KEY)},
        {"name": "PROMPTOPS_DATA_ADDRESS", "value": f"127.0.0.1:{DATA_PORT}"},
        {"name": "PROMPTOPS_OPERATIONS_ADDRESS", "value": f"0.0.0.0:{OPERATIONS_PORT}"},
        {"name": "PROMPTOPS_SOCKET", "value": SOCKET},
        # Whoever sees the volume is a container of this pod, under whatever user it runs.
        {"name": "PROMPTOPS_SOCKET_MODE", "value": "0666"},
        {"name": "PROMPTOPS_SNAPSHOT_DIRECTORY", "value": _SNAPSHOT_DIRECTORY},
        _variable("PROMPTOPS_COLLECTOR_URL", Hole("collectorUrl"), Hole("collectorUrl")),
        _variable("PROMPTOPS_REDIS_URL", _REDIS_URL, *_MIRRORED),
        _variable("PROMPTOPS_REDIS_KEY_FILE", f"{_MIRROR_DIRECTORY}/key", *_MIRRORED),
        _variable("PROMPTOPS_REDIS_USERNAME", Hole("redisUsername"), *_NAMED),
        _variable("PROMPTOPS_REDIS_PASSWORD_FILE", f"{_MIRROR_DIRECTORY}/password", *_NAMED),
        _variable("PROMPTOPS_REDIS_AUTHORITY_FILE", f"{_MIRROR_DIRECTORY}/ca.crt", *_MIRRORED, Hole("redisAuthority")),
        _variable("PROMPTOPS_REDIS_WRITES", "true", *_MIRRORED, Hole("redisWrites")),
    ],
    "ports": [{"name": "promptops", "containerPort": OPERATIONS_PORT, "protocol": "TCP"}],
    "resources": {
        "requests": {
            "cpu": Hole("cpuRequest", "promptops.io/cpu-request"),
            "memory": Hole("memoryRequest", "promptops.io/memory-request"),
        },
        "limits": {
            "cpu": Hole("cpuLimit", "promptops.io/cpu-limit", may_be_empty=True),
            "memory": Hole("memoryLimit", "promptops.io/memory-limit"),
        },
    },
    # /startupz passes with the first index, or without one after 20 seconds: then readiness says why.
    "startupProbe": {
        "httpGet": {"path": "/startupz", "port": OPERATIONS_PORT},
        "periodSeconds": 1,
        "timeoutSeconds": 2,
        "failureThreshold": 60,
    },
    "readinessProbe": {
        "httpGet": {"path": "/readyz", "port": OPERATIONS_PORT},
        "periodSeconds": 5,
        "timeoutSeconds": 2,
    },
    "livenessProbe": {
        "httpGet": {"path": "/healthz", "port": OPERATIONS_PORT},
        "periodSeconds": 10,
        "timeoutSeconds": 5,
    },
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 65532,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "volumeMounts": [
        {"name": FEED_VOLUME, "mountPath": _FEED_DIRECTORY, "readOnly": True},
        {"name": SNAPSHOT_VOLUME, "mountPath": _SNAPSHOT_DIRECTORY},
        {"name": SOCKET_VOLUME, "mountPath": SOCKET_DIRECTORY},
        Given(_MIRRORED, {"name": MIRROR_VOLUME, "mountPath": _MIRROR_DIRECTORY, "readOnly": True}),
    ],
}
"""The sidecar: an init container that restarts, the first of all."""

VOLUMES: Final[tuple[Mapping[str, Any] | Given, ...]] = (
    {
        "name": FEED_VOLUME,
        "projected": {
            "sources": [
                {
                    "serviceAccountToken": {
                        "audience": AUDIENCE,
                        "expirationSeconds": _TOKEN_SECONDS,
                        "path": "token",
                    }
                }
            ]
        },
    },
    {"name": SNAPSHOT_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": Hole("snapshotSize")}},
    {"name": SOCKET_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    # Of the pod's own namespace: nobody copies a Secret into it.
    Given(_MIRRORED, {"name": MIRROR_VOLUME, "secret": {"secretName": _REDIS_SECRET}}),
)
"""Behind the pod's own. The token is seen by the sidecar alone, the socket by everybody."""

ENVIRONMENT: Final[tuple[Mapping[str, str], ...]] = (
    {"name": "PROMPTOPS_URL", "value": URL},
    {"name": "PROMPTOPS_SOCKET", "value": SOCKET},
)
"""Of every container of the application that does not set the variable itself."""

MOUNT: Final[Mapping[str, Any]] = {"name": SOCKET_VOLUME, "mountPath": SOCKET_DIRECTORY, "readOnly": True}
"""Of every container of the application that has nothing else there. Reading is all that connecting takes."""
