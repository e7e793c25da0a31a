"""Pods and what makes pods: where a manifest has the template that its pods are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from promptops.domain.manifests import Manifest, mapping, text

_TEMPLATE: Final = ("spec", "template")
TEMPLATES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("v1", "Pod"): (),
    ("apps/v1", "Deployment"): _TEMPLATE,
    ("apps/v1", "StatefulSet"): _TEMPLATE,
    ("apps/v1", "DaemonSet"): _TEMPLATE,
    ("apps/v1", "ReplicaSet"): _TEMPLATE,
    ("batch/v1", "Job"): _TEMPLATE,
    ("batch/v1", "CronJob"): ("spec", "jobTemplate", *_TEMPLATE),
    ("v1", "ReplicationController"): _TEMPLATE,
    ("v1", "PodTemplate"): ("template",),
}
"""apiVersion and kind → the path of the template; the pod itself where there is none."""


def path_of_template(manifest: Manifest) -> tuple[str, ...] | None:
    """Return the path of the pod's template; None for what makes no pods."""
    return TEMPLATES.get((text(manifest.get("apiVersion")), text(manifest.get("kind"))))


def template_of(manifest: Manifest, path: tuple[str, ...]) -> Manifest:
    """Return what stands under a path, empty where nothing does."""
    for step in path:
        manifest = mapping(manifest.get(step))
    return manifest


def with_template(manifest: Manifest, path: tuple[str, ...], change: Callable[[Manifest], Manifest]) -> dict[str, Any]:
    """Return the manifest with its template changed."""
    if not path:
        return dict(change(manifest))
    first, *rest = path
    return {**manifest, first: with_template(mapping(manifest.get(first)), tuple(rest), change)}
