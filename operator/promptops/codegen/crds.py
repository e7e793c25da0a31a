"""CustomResourceDefinitions of every kind, as plain manifests."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from promptops.api.v1alpha1 import GROUP, KINDS, VERSION
from promptops.api.v1alpha1.schema import Column, Model, Names
from promptops.codegen.structural import Schema, structural_schema

Manifest = dict[str, Any]

KEEP: Final = {
    "helm.sh/resource-policy": "keep",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
    "argocd.argoproj.io/sync-options": "Prune=false",
}
"""Deleting a definition deletes every prompt in the cluster: whoever installs it is told, in his own words, to leave it there."""


def definitions() -> tuple[Manifest, ...]:
    """Return one CustomResourceDefinition per kind."""
    return tuple(_definition(kind, kind.NAMES) for kind in KINDS)


def _definition(kind: type[Model], names: Names) -> Manifest:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.plural}.{GROUP}", "annotations": dict(KEEP)},
        "spec": {
            "group": GROUP,
            "scope": names.scope,
            "names": {
                "kind": names.kind,
                "listKind": f"{names.kind}List",
                "plural": names.plural,
                "singular": names.singular,
                "shortNames": list(names.short_names),
                "categories": ["promptops"],
            },
            "versions": [_version(kind, names)],
        },
    }


def _version(kind: type[Model], names: Names) -> Manifest:
    version: Manifest = {"name": VERSION, "served": True, "storage": True, "subresources": {"status": {}}}
    if names.selectable_fields:
        version["selectableFields"] = [{"jsonPath": path} for path in names.selectable_fields]
    version["additionalPrinterColumns"] = [_column(column) for column in names.columns]
    version["schema"] = {"openAPIV3Schema": _root(kind, names)}
    return version


def _column(column: Column) -> Manifest:
    said = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    return said | {key: value for key, value in asdict(column).items() if key in ("priority", "description") and value}


def _root(kind: type[Model], names: Names) -> Schema:
    spec = structural_schema(_model_of(kind, "spec"), "spec")
    status = structural_schema(_model_of(kind, "status"), "status", defaults=False)
    # A new object is InProgress to every kstatus reader before the operator has written anything.
    status["default"] = {"observedGeneration": -1}
    root: Schema = {
        "description": kind.__doc__,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    if names.root_rules:
        root["x-kubernetes-validations"] = [rule.written() for rule in names.root_rules]
    return root


def _model_of(kind: type[Model], field: str) -> type[Model]:
    annotation = kind.model_fields[field].annotation
    assert isinstance(annotation, type)  # noqa: S101
    assert issubclass(annotation, Model)  # noqa: S101
    return annotation
