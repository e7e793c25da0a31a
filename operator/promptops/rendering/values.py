"""Does a value fit a declared type and its bounds, and which text stands for it. No message quotes a value."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from promptops.api.content import Variable

Value = str | int | float | bool

MAX_SAFE_INTEGER = 2**53 - 1
"""Integers beyond are read differently by different JSON parsers."""

TYPES = ("string", "integer", "number", "boolean")


@dataclass(frozen=True)
class Bounds:
    """What a declaration asks of a value beyond its type."""

    enum: tuple[str, ...] | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None

    @classmethod
    def of_manifest(cls, variable: Mapping[str, Any]) -> "Bounds":
        """Read the bounds of a declaration as it stands in a manifest."""
        enum = variable.get("enum")
        return cls(
            enum=None if enum is None else tuple(enum),
            min_length=variable.get("minLength"),
            max_length=variable.get("maxLength"),
            minimum=variable.get("minimum"),
            maximum=variable.get("maximum"),
        )


def type_error(kind: str, value: object) -> str:
    """Say why the value is not of the type; nothing when it is. The value itself is never quoted."""
    if kind == "string":
        return "" if type(value) is str else f"must be a string, not {_json_type(value)}"
    if kind == "boolean":
        return "" if type(value) is bool else f"must be true or false, not {_json_type(value)}"
    if type(value) is int:
        return "" if abs(value) <= MAX_SAFE_INTEGER else "is beyond ±(2^53 - 1), where JSON parsers disagree"
    if kind == "integer":
        return f"must be an integer, not {_json_type(value)}"
    if type(value) is not float:
        return f"must be a number, not {_json_type(value)}"
    return "" if abs(value) < float("inf") else "must be a finite number"


def bounds_error(value: object, bounds: Bounds | Variable) -> str:
    """Say which bound a value of the right type breaks; nothing when it keeps them all. The value is never quoted."""
    if isinstance(value, str):
        return _text_error(value, bounds)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if bounds.minimum is not None and value < bounds.minimum:
        return f"is below the minimum {text_of(bounds.minimum)}"
    if bounds.maximum is not None and value > bounds.maximum:
        return f"is above the maximum {text_of(bounds.maximum)}"
    return ""


def _text_error(value: str, bounds: Bounds | Variable) -> str:
    if bounds.enum is not None and value not in bounds.enum:
        return f"must be one of {textwrap.shorten(', '.join(bounds.enum), 200, placeholder=' …')}"
    if bounds.min_length is not None and len(value) < bounds.min_length:
        return f"has {len(value)} characters, fewer than {bounds.min_length}"
    if bounds.max_length is not None and len(value) > bounds.max_length:
        return f"has {len(value)} characters, more than {bounds.max_length}"
    return ""


def text_of(value: str | int | float | bool) -> str:
    """Return the text that stands for a value in a prompt: a string as it is, anything else as JSON writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))  # canonical JSON knows one spelling of a whole number, so 1.0 and 1 must not differ here
    return msgspec.json.encode(value).decode()


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a number with a fraction or exponent", str: "a string"}
    return names.get(type(value)) or ("an object" if isinstance(value, Mapping) else "a list")
