"""JSON Schemas of the kinds, for editors: what the API server refuses by shape is marked while somebody types."""

from __future__ import annotations

import json
from typing import Any

from promptops.api.v1alpha1 import API_VERSION
from promptops.codegen.crds import definitions
from promptops.codegen.structural import FREE_JSON, Schema

_DRAFT = "http://json-schema.org/draft-07/schema#"


def schemas(comment: str) -> dict[str, str]:
    """Return the text of one schema per kind by its file's name."""
    written = {}
    for definition in definitions():
        names, (version,) = definition["spec"]["names"], definition["spec"]["versions"]
        schema = _schema(names["kind"], version["schema"]["openAPIV3Schema"], comment)
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        written[f"{names['singular']}.json"] = (
            text.replace("{\n  ", "{ ", 1) + "\n"
        )  # the first line says where it is from
    return written


def _schema(kind: str, root: Schema, comment: str) -> dict[str, Any]:
    closed = _closed(root)
    properties = {
        **closed["properties"],
        "apiVersion": {"const": API_VERSION},
        "kind": {"const": kind},
        "metadata": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "status": {"type": "object", "description": "What the operator found; it is never applied."},
    }
    required = ["apiVersion", "kind", "metadata", *closed["required"]]
    return {
        "$comment": comment,
        "$schema": _DRAFT,
        "title": kind,
        **closed,
        "required": required,
        "properties": properties,
    }


def _closed(schema: Any) -> Any:
    """Return a structural schema as an editor reads it: without Kubernetes' own words, closed to unknown fields."""
    if not isinstance(schema, dict):
        return [_closed(each) for each in schema] if isinstance(schema, list) else schema
    if schema.get(FREE_JSON):
        return {"description": schema["description"]} if "description" in schema else {}
    kept = {key: each for key, each in schema.items() if not key.startswith("x-kubernetes-") and key != "format"}
    for key in ("items", "additionalProperties"):
        if key in kept:
            kept[key] = _closed(kept[key])
    if "properties" in kept:
        kept["properties"] = {name: _closed(each) for name, each in kept["properties"].items()}
        kept["additionalProperties"] = False
    return kept
