"""Content is declared twice, for authors and for consumers: neither knows a field that the other does not."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from pydantic import BaseModel

from promptops.api import content as wire
from promptops.api.v1alpha1 import content as authors

Shape = Any
"""A model: its fields by name; a list: its item's shape; an enumeration: its values; else the name of a type."""


def shape(of: Any) -> Shape:
    """What JSON a type stands for, its bounds aside."""
    of = of.__value__ if hasattr(of, "__value__") else of
    if isinstance(of, type) and issubclass(of, BaseModel):
        hints = get_type_hints(of)
        return {field.alias or name: shape(hints[name]) for name, field in of.model_fields.items()}
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        return {field.encode_name: shape(field.type) for field in msgspec.structs.fields(of)}
    origin, arguments = get_origin(of), get_args(of)
    if origin is Annotated:
        return shape(arguments[0])
    if origin is Literal:
        return frozenset(arguments)
    if origin in (Union, UnionType):
        (alternative,) = (each for each in arguments if each is not NoneType)
        return shape(alternative)
    if origin in (tuple, list):
        return [shape(arguments[0])]
    return "anything" if of is Any else of.__name__


def test_authors_and_consumers_know_the_same_fields_of_the_same_types() -> None:
    written = shape(authors.Content)
    del written["includes"]  # what they mean stands in the content before any consumer sees it

    assert written == shape(wire.Content)


class AuthorsMessage(authors.Message):
    cached: bool | None = None


class AuthorsGrown(authors.Content):
    messages: tuple[AuthorsMessage, ...] | None = None


class WireGrown(wire.Content, frozen=True, rename="camel"):
    reply_language: str | None = None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(AuthorsGrown, wire.Content, id="a field for authors alone, deep within"),
        pytest.param(authors.Content, WireGrown, id="a field for consumers alone"),
    ],
)
def test_a_field_added_to_one_alone_is_noticed(written: Any, read: Any) -> None:
    assert shape(written) != shape(read)


def test_a_field_has_one_name_on_the_wire() -> None:
    assert shape(WireGrown)["replyLanguage"] == "str"
