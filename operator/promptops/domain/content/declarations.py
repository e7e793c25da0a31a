"""Is the declaration of a variable sound: a name, a type, bounds that fit and leave room, a default that fits."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from promptops.api import reasons
from promptops.domain.findings import Finding
from promptops.rendering.names import NAME_RULE, RESERVED, is_variable_name, shown
from promptops.rendering.unicode import RefusedText, clean
from promptops.rendering.values import TYPES, Bounds, bounds_error, type_error

_STRING_ONLY = ("enum", "minLength", "maxLength")
_NUMBER_ONLY = ("minimum", "maximum")


def check_declaration(variable: Mapping[str, Any], path: str) -> list[Finding]:
    """Return everything that is wrong with the declaration of one variable, itself well-typed by the schema."""
    return [finding for check in _CHECKS for finding in check(variable, path)]


def _name_is_usable(variable: Mapping[str, Any], path: str) -> Iterator[Finding]:
    name = variable["name"]
    if name in RESERVED:
        yield Finding(
            reasons.INVALID_VARIABLE,
            f"{name} is a word of the language and cannot be a variable's name",
            f"{path}.name",
        )
    elif not is_variable_name(name):
        yield Finding(reasons.INVALID_VARIABLE, f"{shown(name)} is not a variable's name: {NAME_RULE}", f"{path}.name")


def _type_is_known(variable: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if variable["type"] not in TYPES:
        yield Finding(reasons.INVALID_VARIABLE, f"the type must be one of {', '.join(TYPES)}", f"{path}.type")


def _bounds_fit_type(variable: Mapping[str, Any], path: str) -> Iterator[Finding]:
    kind = variable["type"]
    for key in _STRING_ONLY:
        if variable.get(key) is not None and kind != "string":
            yield Finding(reasons.INVALID_VARIABLE, f"{key} is for strings, the type is {kind}", f"{path}.{key}")
    for key in _NUMBER_ONLY:
        if variable.get(key) is not None and kind not in ("integer", "number"):
            yield Finding(reasons.INVALID_VARIABLE, f"{key} is for numbers, the type is {kind}", f"{path}.{key}")


def _bounds_leave_room(variable: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for low, high in (("minLength", "maxLength"), ("minimum", "maximum")):
        lowest, highest = variable.get(low), variable.get(high)
        if lowest is not None and highest is not None and lowest > highest:
            yield Finding(reasons.INVALID_VARIABLE, f"{low} is above {high}: no value fits", f"{path}.{low}")


def _enum_can_be_given(variable: Mapping[str, Any], path: str) -> Iterator[Finding]:
    values = variable.get("enum") or ()
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Finding(reasons.INVALID_VARIABLE, "the same value stands here twice", f"{path}.enum[{index}]")
        elif reason := _changed_by_policy(value):
            yield Finding(reasons.INVALID_VARIABLE, f"no caller can give this value: {reason}", f"{path}.enum[{index}]")


def _default_fits(variable: Mapping[str, Any], path: str) -> Iterator[Finding]:
    default = variable.get("default")
    if "default" not in variable or variable["type"] not in TYPES:
        return
    if reason := type_error(variable["type"], default):
        yield Finding(reasons.INVALID_VARIABLE, f"the default {reason}", f"{path}.default")
    elif isinstance(default, str) and (reason := _changed_by_policy(default)):
        yield Finding(
            reasons.INVALID_VARIABLE, f"the default cannot be rendered as it stands: {reason}", f"{path}.default"
        )
    elif reason := bounds_error(default, Bounds.of_manifest(variable)):
        yield Finding(reasons.INVALID_VARIABLE, f"the default {reason}", f"{path}.default")


def _changed_by_policy(text: str) -> str:
    try:
        changes = clean(text).changes
    except RefusedText as refusal:
        return f"it contains {refusal}"
    return ", ".join(changes)


Check = Callable[[Mapping[str, Any], str], Iterator[Finding]]
_CHECKS: tuple[Check, ...] = (
    _name_is_usable,
    _type_is_known,
    _bounds_fit_type,
    _bounds_leave_room,
    _enum_can_be_given,
    _default_fits,
)
