"""What a structural schema cannot say is refused with the path of the field; the rest is said exactly."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import Field

from promptops.api.v1alpha1.schema import WHOLE, WITHOUT_NULLS, FreeJson, Items, Model, Rule
from promptops.codegen.structural import NotStructural, structural_schema

Text = Annotated[str, Field(max_length=10)]


class Leaf(Model):
    """A leaf."""

    name: Text
    """What it is called."""


class Union(Model):
    value: Text | int


class UnionOfModels(Model):
    value: Leaf | Text


class Pair(Model):
    value: tuple[Text, Text]


class Set(Model):
    value: Annotated[frozenset[Text], Field(max_length=3)]


class Tree(Model):
    children: Annotated[Items[Tree], Field(max_length=3)] | None = None


class Untyped(Model):
    value: Any


class MixedLiteral(Model):
    value: Literal["a", 1]


class OpenObject(Model):
    value: Annotated[dict[str, Any], Field(max_length=3)]


class UnboundedText(Model):
    value: str


class UnboundedList(Model):
    value: Items[Text]


class UnboundedMap(Model):
    value: dict[str, Text]


class UntypedList(Model):
    value: Annotated[Items[Any], Field(max_length=3)]


class Exclusive(Model):
    value: Annotated[int, Field(gt=0)]


class Multiple(Model):
    value: Annotated[int, Field(multiple_of=2)]


class Nothing(Model):
    value: None


class Deep(Model):
    leaves: Annotated[Items[UnboundedMap], Field(max_length=3)]


@pytest.mark.parametrize(
    ("model", "refusal"),
    [
        pytest.param(Union, "spec.value: a union cannot be structural", id="union"),
        pytest.param(UnionOfModels, "spec.value: a union cannot be structural", id="union of models"),
        pytest.param(Pair, "spec.value: a tuple cannot be structural", id="tuple"),
        pytest.param(Set, "spec.value: a set has no order", id="set"),
        pytest.param(Tree, "spec.children[]: Tree contains itself", id="recursion"),
        pytest.param(Untyped, "spec.value: no type; JSON of any shape is written FreeJson", id="no type"),
        pytest.param(MixedLiteral, "spec.value: no type", id="literals of two types"),
        pytest.param(OpenObject, "spec.value: a free-form object has no type for its values", id="free-form object"),
        pytest.param(UnboundedText, "spec.value: a string needs max_length", id="string without bound"),
        pytest.param(UnboundedList, "spec.value: a list needs max_length", id="list without bound"),
        pytest.param(UnboundedMap, "spec.value: a map needs max_length", id="map without bound"),
        pytest.param(UntypedList, "spec.value[]: no type", id="list of anything"),
        pytest.param(Exclusive, "spec.value: exclusiveMinimum cannot be said of integer", id="exclusive bound"),
        pytest.param(Multiple, "spec.value: multipleOf cannot be said of integer", id="multiple"),
        pytest.param(Nothing, "spec.value: type null cannot be structural", id="null"),
        pytest.param(Deep, "spec.leaves[].value: a map needs max_length", id="deep inside"),
    ],
)
def test_what_cannot_be_said_is_refused(model: type[Model], refusal: str) -> None:
    with pytest.raises(NotStructural) as refused:
        structural_schema(model, "spec")

    assert str(refused.value).startswith(refusal)


class Everything(Model):
    """All of it."""

    RULES = (Rule("has(self.flag)", "flag is needed"),)

    name: Annotated[str, Field(min_length=1, max_length=63, pattern="^a$")]
    """The name."""
    kind: Literal["A", "B"] = "A"
    only: Literal["A"]
    flag: bool | None = None
    count: Annotated[int, Field(ge=1, le=5), WHOLE] = 3
    ratio: Annotated[float, Field(ge=0)] | None = None
    leaf: Leaf | None = None
    """A leaf of this very tree."""
    leaves: Annotated[Items[Leaf], Field(min_length=1, max_length=3)] | None = None
    labels: Annotated[dict[str, Text], Field(max_length=2), WITHOUT_NULLS] | None = None
    free: FreeJson = None
    """Anything."""
    # The older spelling of the same.
    old: Optional[Text] = None  # noqa: UP045


def test_the_rest_is_said_exactly() -> None:
    text = {"type": "string", "maxLength": 10}
    leaf = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"description": "What it is called.", **text}},
    }

    assert structural_schema(Everything, "spec") == {
        "description": "All of it.",
        "type": "object",
        "required": ["name", "only"],
        "x-kubernetes-validations": [{"rule": "has(self.flag)", "message": "flag is needed"}],
        "properties": {
            "name": {"description": "The name.", "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^a$"},
            "kind": {"type": "string", "enum": ["A", "B"], "default": "A"},
            "only": {"type": "string", "enum": ["A"]},
            "flag": {"type": "boolean"},
            "count": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 5, "default": 3},
            "ratio": {"type": "number", "minimum": 0},
            "leaf": {**leaf, "description": "A leaf of this very tree."},
            "leaves": {
                "type": "array",
                "minItems": 1,
                "maxItems": 3,
                "x-kubernetes-list-type": "atomic",
                "items": {**leaf, "description": "A leaf."},
            },
            "labels": {"type": "object", "maxProperties": 2, "additionalProperties": text},
            "free": {"description": "Anything.", "x-kubernetes-preserve-unknown-fields": True},
            "old": text,
        },
    }


def test_a_status_gets_no_defaults() -> None:
    schema = structural_schema(Everything, "status", defaults=False)

    assert "default" not in schema["properties"]["count"]
