"""An older definition is recognised by what it lacks, however deep."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from promptops.api.v1alpha1 import KINDS, Prompt, PromptVersion
from promptops.api.v1alpha1.schema import Kind
from promptops.codegen.crds import definitions
from promptops.domain.definitions import lacking


def schema(kind: type[Kind]) -> dict[str, Any]:
    found = next(each for each in definitions() if each["spec"]["names"]["kind"] == kind.NAMES.kind)
    return copy.deepcopy(found["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def without(schema: dict[str, Any], *path: str) -> dict[str, Any]:
    node = schema
    for step in path[:-1]:
        node = node["properties"][step]
        node = node.get("items", node)
    del node["properties"][path[-1]]
    return schema


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_of_this_release_lacks_nothing(kind: type[Kind]) -> None:
    assert lacking(kind, schema(kind)) == ()


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        pytest.param(Prompt, "status.versionCount", id="a field of a status"),
        pytest.param(Prompt, "status.conditions.message", id="a field within a list"),
        pytest.param(Prompt, "spec.source.configMapKeyRef.format", id="a field of a spec"),
        pytest.param(PromptVersion, "spec.content.variables.enum", id="a field of content"),
    ],
)
def test_what_an_older_one_lacks_is_named(kind: type[Kind], path: str) -> None:
    assert lacking(kind, without(schema(kind), *path.split("."))) == (path,)


def test_one_without_any_schema_lacks_everything() -> None:
    assert lacking(Prompt, {})[0] == "spec.promptId"
