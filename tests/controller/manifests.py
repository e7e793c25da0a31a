"""Objects as an API server would return them, for tests without one."""

from __future__ import annotations

from typing import Any

NAMESPACE = "team"


def made(
    kind: str,
    name: str,
    resource_version: int,
    *,
    uid: str | None = None,
    generation: int | None = 1,
    namespace: str = NAMESPACE,
    **rest: Any,
) -> dict[str, Any]:
    """An object of a kind; its uid is made from its name."""
    metadata: dict[str, Any] = {
        "name": name,
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(resource_version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    if namespace:
        metadata["namespace"] = namespace
    if generation is not None:
        metadata["generation"] = generation
    return {"apiVersion": "promptops.io/v1alpha1", "kind": kind, "metadata": metadata, **rest}


def prompt(name: str, resource_version: int, spec: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    """A Prompt."""
    return made("Prompt", name, resource_version, spec=spec or {"activeVersion": "1.0.0"}, **rest)


def version(of: str, number: str, resource_version: int, **rest: Any) -> dict[str, Any]:
    """A PromptVersion."""
    spec = {"promptRef": {"name": of}, "version": number, "content": {"text": f"{of} {number}"}}
    return made("PromptVersion", f"{of}-{number}", resource_version, spec=spec, **rest)


def config_map(name: str, resource_version: int, data: dict[str, str], **rest: Any) -> dict[str, Any]:
    """A ConfigMap; it has no generation."""
    return made("ConfigMap", name, resource_version, generation=None, data=data, **rest)


def reading(name: str) -> dict[str, Any]:
    """The spec of a Prompt whose source is a ConfigMap."""
    return {"source": {"configMapKeyRef": {"name": name, "key": "text", "format": "text"}}}
