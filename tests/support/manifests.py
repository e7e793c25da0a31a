"""The one spelling of manifests: as people write them, and as an API server stores them."""

from __future__ import annotations

import json
from typing import Any

from promptops.api.v1alpha1 import API_VERSION

Manifest = dict[str, Any]

NAMESPACE = "team"


def manifest(kind: str, name: str, **spec: Any) -> Manifest:
    """An object of ours."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def prompt(name: str, **spec: Any) -> Manifest:
    """A Prompt."""
    return manifest("Prompt", name, **spec)


def sourced(name: str, content: str | Manifest, **spec: Any) -> Manifest:
    """A Prompt that follows content of its own; a string is a text."""
    return prompt(name, source={"content": _content(content)}, **spec)


def reading(config_map: str, key: str = "text") -> Manifest:
    """The source of a Prompt that is a ConfigMap's key."""
    return {"configMapKeyRef": {"name": config_map, "key": key, "format": "text"}}


def version(of: str, number: str, content: str | Manifest, **spec: Any) -> Manifest:
    """A PromptVersion; a string is a text."""
    return manifest(
        "PromptVersion", f"{of}-{number}", promptRef={"name": of}, version=number, content=_content(content), **spec
    )


def including(content: Manifest, **versions: str) -> Manifest:
    """The content with includes: alias=prompt-version."""
    names = {alias: name.partition("-") for alias, name in versions.items()}
    includes = [{"alias": alias, "promptRef": {"name": of}, "version": to} for alias, (of, _, to) in names.items()]
    return {**content, "includes": includes}


def tenant(name: str, *namespaces: str) -> Manifest:
    """A Tenant."""
    return manifest("Tenant", name, namespaces=list(namespaces))


def config_map(name: str, data: str | dict[str, str], labelled: bool = True) -> Manifest:
    """A ConfigMap; a string is the key `text`. Without the label it is none of ours."""
    labels = {"promptops.io/watch": "true"} if labelled else {}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": labels},
        "data": {"text": data} if isinstance(data, str) else data,
    }


def owner(name: str, uid: str) -> Manifest:
    """What refers to a Prompt as the owner of a version."""
    return {"apiVersion": API_VERSION, "kind": "Prompt", "name": name, "uid": uid}


def placed(manifest: Manifest, namespace: str) -> Manifest:
    """The object in a namespace."""
    return manifest | {"metadata": {**manifest["metadata"], "namespace": namespace}}


def stored(
    manifest: Manifest, resource_version: int = 1, *, status: Manifest | None = None, **metadata: Any
) -> Manifest:
    """The object as an API server returns it; its uid is made from its name. None leaves something out."""
    defaults = {
        "namespace": NAMESPACE,
        "uid": f"uid-{manifest['metadata']['name']}",
        "generation": None if manifest["kind"] == "ConfigMap" else 1,
        "resourceVersion": str(resource_version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    known = {**manifest["metadata"], **defaults, **metadata}
    kept = {key: value for key, value in known.items() if value is not None}
    return manifest | {"metadata": kept} | ({} if status is None else {"status": status})


def many(*manifests: Manifest) -> str:
    """A List, as JSON for kubectl."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})


def _content(content: str | Manifest) -> Manifest:
    return {"text": content} if isinstance(content, str) else content
