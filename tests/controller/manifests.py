"""Objects as an API server returns them, said in a line each: what differs is their name and resourceVersion."""

from __future__ import annotations

from typing import Any

from tests.support import manifests
from tests.support.manifests import NAMESPACE, Manifest, stored

__all__ = ["NAMESPACE", "config_map", "made", "prompt", "reading", "version"]


def made(kind: str, name: str, resource_version: int, *, spec: Manifest | None = None, **rest: Any) -> Manifest:
    """An object of a kind."""
    return stored(manifests.manifest(kind, name, **spec or {}), resource_version, **rest)


def prompt(name: str, resource_version: int, spec: Manifest | None = None, **rest: Any) -> Manifest:
    """A Prompt."""
    return made("Prompt", name, resource_version, spec=spec or {"activeVersion": "1.0.0"}, **rest)


def version(of: str, number: str, resource_version: int, **rest: Any) -> Manifest:
    """A PromptVersion."""
    return stored(manifests.version(of, number, f"{of} {number}"), resource_version, **rest)


def config_map(name: str, resource_version: int, data: dict[str, str], **rest: Any) -> Manifest:
    """A ConfigMap."""
    return stored(manifests.config_map(name, data), resource_version, **rest)


def reading(name: str) -> Manifest:
    """The spec of a Prompt whose source is a ConfigMap."""
    return {"source": manifests.reading(name)}
