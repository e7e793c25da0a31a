"""Variables: is a declaration sound, and do the given values fit it. Nothing is coerced."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from promptops.api import reasons
from promptops.domain.language.names import NAME_RULE, RESERVED, is_variable_name, shown
from promptops.domain.unicode import RefusedText, clean

MAX_SAFE_INTEGER = 2**53 - 1
"""Integers beyond are read differently by different JSON parsers."""

TYPES = ("string", "integer", "number", "boolean")
_STRING_ONLY = ("enum", "minLength", "maxLength")
_NUMBER_ONLY = ("minimum", "maximum")


@dataclass(frozen=True)
class Objection:
    """Something wrong with a declaration, at this path below the content."""

    message: str
    path: str
    reason: str = reasons.INVALID_VARIABLE


def check_declaration(variable: Mapping[str, Any], path: str) -> list[Objection]:
    """Return everything that is wrong with the declaration of one variable, itself well-typed by the schema."""
    return [objection for check in _CHECKS for objection in check(variable, path)]


def _name_is_usable(variable: Mapping[str, Any], path: str) -> Iterator[Objection]:
    name = variable["name"]
    if name in RESERVED:
        yield Objection(f"{name} is a word of the language and cannot be a variable's name", f"{path}.name")
    elif not is_variable_name(name):
        yield Objection(f"{shown(name)} is not a variable's name: {NAME_RULE}", f"{path}.name")


def _type_is_known(variable: Mapping[str, Any], path: str) -> Iterator[Objection]:
    if variable["type"] not in TYPES:
        yield Objection(f"the type must be one of {', '.join(TYPES)}", f"{path}.type")


def _bounds_fit_type(variable: Mapping[str, Any], path: str) -> Iterator[Objection]:
    kind = variable["type"]
    for key in _STRING_ONLY:
        if variable.get(key) is not None and kind != "string":
            yield Objection(f"{key} is for strings, the type is {kind}", f"{path}.{key}")
    for key in _NUMBER_ONLY:
        if variable.get(key) is not None and kind not in ("integer", "number"):
            yield Objection(f"{key} is for numbers, the type is {kind}", f"{path}.{key}")


def _bounds_leave_room(variable: Mapping[str, Any], path: str) -> Iterator[Objection]:
    for low, high in (("minLength", "maxLength"), ("minimum", "maximum")):
        lowest, highest = variable.get(low), variable.get(high)
        if lowest is not None and highest is not None and lowest > highest:
            yield Objection(f"{low} is above {high}: no value fits", f"{path}.{low}")


def _enum_can_be_given(variable: Mapping[str, Any], path: str) -> Iterator[Objection]:
    values = variable.get("enum") or ()
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Objection("the same value stands here twice", f"{path}.enum[{index}]")
        elif reason := _changed_by_policy(value):
            yield Objection(f"no caller can give this value: {reason}", f"{path}.enum[{index}]")


def _default_fits(variable: Mapping[str, Any], path: str) -> Iterator[Objection]:
    default = variable.get("default")
    if "default" not in variable or variable["type"] not in TYPES:
        return
    if reason := type_error(variable["type"], default):
        yield Objection(f"the default {reason}", f"{path}.default")
    elif isinstance(default, str) and (reason := _changed_by_policy(default)):
        yield Objection(f"the default cannot be rendered as it stands: {reason}", f"{path}.default")
    elif reason := bounds_error(default, Bounds.of_manifest(variable)):
        yield Objection(f"the default {reason}", f"{path}.default")


def _changed_by_policy(text: str) -> str:
    try:
        changes = clean(text).changes
    except RefusedText as refusal:
        return f"it contains {refusal}"
    return ", ".join(changes)


Check = Callable[[Mapping[str, Any], str], Iterator[Objection]]
_CHECKS: tuple[Check, ...] = (
    _name_is_usable,
    _type_is_known,
    _bounds_fit_type,
    _bounds_leave_room,
    _enum_can_be_given,
    _default_fits,
)


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


def bounds_error(value: object, bounds: Bounds) -> str:
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


def _text_error(value: str, bounds: Bounds) -> str:
    if bounds.enum is not None and value not in bounds.enum:
        return f"must be one of {', '.join(bounds.enum[:10])}{', …' if len(bounds.enum) > 10 else ''}"
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
