"""Pods that ask for a sidecar, in every shape that injection has to tell apart: one table for whoever injects."""

from __future__ import annotations

from typing import Any, Final

Manifest = dict[str, Any]

IMAGE: Final = "registry.example.com/app:1"
PARAMETERS: Final = {
    "image": "registry.example.com/promptops-sidecar:1",
    "imagePullPolicy": "IfNotPresent",
    "feedUrl": "https://promptops-feed.promptops-system.svc:8282",
    "cpuRequest": "10m",
    "cpuLimit": "",
    "memoryRequest": "64Mi",
    "memoryLimit": "256Mi",
    "snapshotSize": "64Mi",
    "collectorUrl": "http://collector.example.com:4318",
    "redisUrl": "rediss://redis.example.com:6379/0",
    "redisUsername": "promptops-reader",
    "redisSecret": "",
    "redisAuthority": "true",
    "redisWrites": "",
    "trust.json": '{"keys":[{"kid":"k","public":"a\\"b"}],"ca":"PEM\\n"}',
}


def container(name: str = "app", **more: Any) -> Manifest:
    """A container."""
    return {"name": name, "image": IMAGE, **more}


def pod(*containers: Manifest, annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    """A pod that asks for a sidecar."""
    metadata: Manifest = {"name": "pod", "labels": {"app": "shop", "promptops.io/inject": "true"}}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": list(containers) or [container()], **spec},
    }


MOUNTED_THERE: Final = {"name": "own", "mountPath": "/run/promptops"}
OWN_VOLUME: Final = {"name": "own", "emptyDir": {}}

INJECTED: Final[dict[str, Manifest]] = {
    "one container": pod(),
    "two containers": pod(container("a"), container("b")),
    "init containers": pod(initContainers=[container("migrate"), container("warm")]),
    "a sidecar of its own": pod(initContainers=[container("mesh", restartPolicy="Always"), container("migrate")]),
    "an environment": pod(container(env=[{"name": "A", "value": "1"}])),
    "a URL of its own": pod(container(env=[{"name": "PROMPTOPS_URL", "value": "http://mine"}])),
    "a socket of its own": pod(container(env=[{"name": "PROMPTOPS_SOCKET", "value": "/s"}]), container("b")),
    "both of its own": pod(container(env=[{"name": n, "value": "x"} for n in ("PROMPTOPS_SOCKET", "PROMPTOPS_URL")])),
    "something else mounted there": pod(container(volumeMounts=[MOUNTED_THERE]), volumes=[OWN_VOLUME]),
    "volumes": pod(
        container(volumeMounts=[{"name": "own", "mountPath": "/data"}]), container("b"), volumes=[OWN_VOLUME]
    ),
    "no environment and no mounts, said so": pod(container(env=[], volumeMounts=[]), volumes=[], initContainers=[]),
    "annotations of others": pod(annotations={"example.com/a": "b", "promptops.example.com/x": "y"}),
    "a mirror": pod(annotations={"promptops.io/redis-secret": "promptops-mirror"}),
    "a CPU limit": pod(annotations={"promptops.io/cpu-limit": "500m"}),
    "all resources": pod(
        annotations={
            "promptops.io/cpu-request": "0.5",
            "promptops.io/cpu-limit": "2",
            "promptops.io/memory-request": "1Gi",
            "promptops.io/memory-limit": "2Gi",
        }
    ),
    "a security context": pod(
        container(securityContext={"runAsUser": 1000}), securityContext={"fsGroup": 2000, "runAsNonRoot": True}
    ),
    "a port of the sidecar's name": pod(container(ports=[{"name": "http", "containerPort": 8080}])),
    "no network of the host, said so": pod(hostNetwork=False),
    "Linux, said so": pod(os={"name": "linux"}),
    "a label left over from a copy": {
        **pod(),
        "metadata": {"name": "pod", "labels": {"promptops.io/inject": "true", "promptops.io/injected": "true"}},
    },
}

REFUSED: Final[dict[str, tuple[Manifest, str]]] = {
    "the host's network": (pod(hostNetwork=True), "on the host's network"),
    "Windows": (pod(os={"name": "windows"}), "no sidecar for Windows"),
    "a container of our name": (pod(container("promptops")), "are the sidecar's"),
    "an init container of our name": (pod(initContainers=[container("promptops")]), "are the sidecar's"),
    "a volume of our name": (pod(volumes=[{"name": "promptops-socket", "emptyDir": {}}]), "are the sidecar's"),
    "a token volume of our name": (pod(volumes=[{"name": "promptops-feed", "emptyDir": {}}]), "are the sidecar's"),
    "choosing the image": (pod(annotations={"promptops.io/image": "evil"}), "and no others"),
    "choosing the operator": (pod(annotations={"promptops.io/feed-url": "https://evil"}), "and no others"),
    "choosing whom to trust": (pod(annotations={"promptops.io/trust": "{}"}), "and no others"),
    "choosing the tenant": (pod(annotations={"promptops.io/tenant": "victim"}), "and no others"),
    "choosing a user": (pod(annotations={"promptops.io/run-as-user": "0"}), "and no others"),
    "a Secret of elsewhere": (pod(annotations={"promptops.io/redis-secret": "other/key"}), "name of a Secret"),
    "no Secret": (pod(annotations={"promptops.io/redis-secret": ""}), "name of a Secret"),
    "our volume of a mirror": (pod(volumes=[{"name": "promptops-mirror", "emptyDir": {}}]), "are the sidecar's"),
    "no quantity": (pod(annotations={"promptops.io/cpu-limit": "lots"}), "like 250m or 1"),
    "a quantity of something else": (pod(annotations={"promptops.io/memory-limit": "500m"}), "like 128Mi or 1Gi"),
    "an empty quantity": (pod(annotations={"promptops.io/cpu-request": ""}), "like 250m or 1"),
    "a quantity and a line": (pod(annotations={"promptops.io/cpu-limit": "1\n"}), "like 250m or 1"),
    "a negative quantity": (pod(annotations={"promptops.io/memory-request": "-1Gi"}), "like 128Mi or 1Gi"),
    "a huge quantity": (pod(annotations={"promptops.io/memory-request": "1e9Gi"}), "like 128Mi or 1Gi"),
    "digits of another script": (pod(annotations={"promptops.io/cpu-request": "٣"}), "like 250m or 1"),
}
"""A pod, and part of what is said of it."""
