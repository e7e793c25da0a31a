"""manifests/kustomize: what kustomize has to rename together with the objects it gives a prefix or the hash of their content."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from promptops.api.v1alpha1 import GROUP
from promptops.codegen import yaml_text
from promptops.codegen.references import NameReference, references

_CONFIGURATION: Final = "name-references.yaml"
_OWN_NAME: Final = {"kind": "Prompt", "group": GROUP, "path": "spec/projections/configMap"}
"""A name that begins with the object's own, and of which kustomize knows no object."""
_GROUPS: Final = {"Prompt": {"group": GROUP}, "ConfigMap": {"version": "v1"}}


def component() -> dict[str, str]:
    """Return the files of the component by their path, without the mark of what is generated."""
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "configurations": [_CONFIGURATION],
    }
    fields: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for reference in references():
        fields[reference.to].append(_field(reference))
    named = [{"kind": kind, **_GROUPS[kind], "fieldSpecs": specs} for kind, specs in fields.items()]
    return {
        "kustomization.yaml": yaml_text.dump(kustomization),
        _CONFIGURATION: yaml_text.dump({"nameReference": named, "namePrefix": [_OWN_NAME]}),
    }


def _field(reference: NameReference) -> dict[str, str]:
    return {"kind": reference.kind, "group": GROUP, "path": "/".join(reference.path)}
