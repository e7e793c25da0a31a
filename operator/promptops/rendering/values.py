"""Does a value fit a declared type and its bounds, and which text stands for it. No message quotes a value."""

import textwrap
from collections.abc import Mapping
from typing import Any

import msgspec

from promptops.api.content import Field
from promptops.rendering.formats import format_error

_MOST_FIGURES, _MOST_ZEROS = 21, -6
"""Where JSON.stringify begins to write an exponent."""
MAX_SAFE_INTEGER = 2**53 - 1
"""Integers beyond are read differently by different JSON parsers."""


def type_error(kind: str, value: object) -> str:
    """Say why the value is not of the type; nothing when it is. The value itself is never quoted."""
    if kind == "string":
        return "" if type(value) is str else f"must be a string, not {kind_of(value)}"
    if kind == "boolean":
        return "" if type(value) is bool else f"must be true or false, not {kind_of(value)}"
    if kind == "list":
        return "" if type(value) is list else f"must be a list, not {kind_of(value)}"
    if kind in ("object", "message"):
        return "" if type(value) is dict else f"must be an object, not {kind_of(value)}"
    return _number_error(kind, value)


def _number_error(kind: str, value: object) -> str:
    if type(value) is int:
        return "" if abs(value) <= MAX_SAFE_INTEGER else "is beyond ±(2^53 - 1), where JSON parsers disagree"
    if kind == "integer":
        return f"must be an integer, not {kind_of(value)}"
    if type(value) is not float:
        return f"must be a number, not {kind_of(value)}"
    return "" if abs(value) < float("inf") else "must be a finite number"


def bounds_error(value: object, declared: Field) -> str:
    """Say which bound a value of the right type breaks; nothing when it keeps them all. The value is never quoted."""
    if isinstance(value, str):
        return _text_error(value, declared)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if declared.minimum is not None and value < declared.minimum:
        return f"is below the minimum {text_of(declared.minimum)}"
    if declared.maximum is not None and value > declared.maximum:
        return f"is above the maximum {text_of(declared.maximum)}"
    return ""


def _text_error(value: str, declared: Field) -> str:
    if declared.enum is not None and value not in declared.enum:
        return f"must be one of {textwrap.shorten(', '.join(declared.enum), 200, placeholder=' …')}"
    if declared.min_length is not None and len(value) < declared.min_length:
        return f"has {len(value)} characters, fewer than {declared.min_length}"
    if declared.max_length is not None and len(value) > declared.max_length:
        return f"has {len(value)} characters, more than {declared.max_length}"
    return format_error(declared.format, value) if declared.format else ""


def count_error(value: list[Any], declared: Field) -> str:
    """Say that a list has too few or too many items; nothing when it has not."""
    if declared.min_items is not None and len(value) < declared.min_items:
        return f"has {len(value)} items, fewer than {declared.min_items}"
    if declared.max_items is not None and len(value) > declared.max_items:
        return f"has {len(value)} items, more than {declared.max_items}"
    return ""


def text_of(value: object) -> str:
    """Return the text that stands for a value in a prompt: a string as it is, anything else as JSON writes it."""
    if isinstance(value, str):
        return value
    return number_text(value) if isinstance(value, float) else msgspec.json.encode(value).decode()


def number_text(value: float) -> str:
    """Return a finite number as JSON.stringify writes it, and RFC 8785: 1, 0.000001, 1e-7, 100000000000000000000, 1e+21.

    Canonical JSON knows one spelling of a number, so 1.0 and 1 must not differ here either.
    """
    if value.is_integer() and abs(value) < 1e16:  # beyond, not every digit of the integer is one of the number
        return str(int(value))
    written = msgspec.json.encode(value).decode()
    mantissa, _, exponent = written.partition("e")
    if not exponent or (power := int(exponent)) < _MOST_ZEROS:
        return written
    return f"{mantissa}e+{power}" if power >= _MOST_FIGURES else _without_exponent(mantissa, power)


def _without_exponent(mantissa: str, power: int) -> str:
    """JSON.stringify begins to write exponents later than others."""
    sign, figures = "-" if mantissa.startswith("-") else "", mantissa.lstrip("-").replace(".", "")
    return sign + (figures.ljust(power + 1, "0") if power > 0 else "0." + "0" * (-power - 1) + figures)


def kind_of(value: object) -> str:
    """Say what JSON calls a value, with its article."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a number with a fraction or exponent", str: "a string"}
    if type(value) in names:
        return names[type(value)]
    if type(value) in (dict, list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str | int | float | list | Mapping):
        return "one of a class of its own: give a plain one"
    return "what JSON does not know"
