"""JSON Schemas of everything an API server serves, from its own description, for kubeconform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
"""Described as a text, and a number is taken all the same."""


def write_schemas(described: dict[str, Any], folder: Path) -> None:
    """Write a schema that knows no further fields for each kind of an `/openapi/v2`."""
    definitions = described["definitions"]
    for name, schema in definitions.items():
        # Options of a call are one definition for every group: no manifest is of these kinds.
        if len(kinds := schema.get("x-kubernetes-group-version-kind", ())) != 1:
            continue
        (kind,) = kinds
        parts = (kind["kind"].lower(), kind["group"].split(".")[0], kind["version"])
        file = folder / f"{'-'.join(part for part in parts if part)}.json"
        file.write_text(json.dumps(_closed(schema, definitions, (name,))))


def _closed(node: Any, definitions: dict[str, Any], above: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_closed(each, definitions, above) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(reference := node.get("$ref"), str):
        if (name := reference.rpartition("/")[2]) == QUANTITY:
            return {"type": ["string", "number"]}
        return {"type": "object"} if name in above else _closed(definitions[name], definitions, (*above, name))
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    closed = {
        key: _closed(each, definitions, above)
        for key, each in node.items()
        if key != "properties" and not key.startswith("x-")
    }
    if isinstance(node.get("properties"), dict):
        closed["properties"] = {key: _closed(each, definitions, above) for key, each in node["properties"].items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    return closed
