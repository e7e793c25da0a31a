"""Editors are told of what the API server would refuse by shape, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptops.codegen.schemas import schemas

SCHEMAS: dict[str, Any] = {name: json.loads(text) for name, text in schemas("comment").items()}


def nodes(schema: Any) -> list[dict[str, Any]]:
    below = [each for value in (schema.values() if isinstance(schema, dict) else schema) for each in nodes(value)] if isinstance(schema, dict | list) else []  # fmt: skip
    return [schema, *below] if isinstance(schema, dict) else below


def test_every_kind_has_one() -> None:
    assert sorted(SCHEMAS) == ["prompt.json", "promptversion.json", "tenant.json"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_words_of_kubernetes_are_gone_and_objects_are_closed(name: str) -> None:
    spec = SCHEMAS[name]["properties"]["spec"]

    assert not [key for node in nodes(spec) for key in node if key.startswith("x-kubernetes-")]
    assert not [node for node in nodes(spec) if isinstance(node.get("properties"), dict) and node.get("type") == "object" and node.get("additionalProperties") is not False]  # fmt: skip


def test_the_fields_of_the_samples_are_known(root: Path) -> None:
    for file in sorted((root / "manifests" / "samples").rglob("*.yaml")):
        for manifest in yaml.safe_load_all(file.read_text()):
            if schema := SCHEMAS.get(f"{manifest['kind'].lower()}.json"):
                assert unknown(manifest["spec"], schema["properties"]["spec"]) == []


def unknown(value: Any, schema: dict[str, Any], path: str = "spec") -> list[str]:
    if isinstance(value, list):
        return [each for item in value for each in unknown(item, schema.get("items", {}), path)]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    wrong = [f"{path}.{key}" for key in value if key not in known]
    return wrong + [each for key in value if key in known for each in unknown(value[key], known[key], f"{path}.{key}")]
