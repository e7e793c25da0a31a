"""Is the declaration of a variable sound: a name, a type, bounds that fit and leave room, a default that fits."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from promptops.api import reasons
from promptops.api.content import Field, Variable
from promptops.api.v1alpha1.schema import whole
from promptops.domain.findings import Finding
from promptops.domain.manifests import Manifest
from promptops.rendering.errors import InvalidVariables
from promptops.rendering.names import NAME_RULE, RESERVED, is_variable_name, shown
from promptops.rendering.unicode import RefusedText, clean
from promptops.rendering.values import bounds_error, count_error, type_error
from promptops.rendering.variables import resolve

_STRING_ONLY = ("enum", "min_length", "max_length", "format")
_NUMBER_ONLY = ("minimum", "maximum")
_LIST_ONLY = ("min_items", "max_items", "item_type")
_WITHOUT_TEXT = frozenset({"integer", "number", "boolean"})
_PAIRS = (("min_length", "max_length"), ("minimum", "maximum"), ("min_items", "max_items"))


def read_variable(written: Manifest) -> Variable:
    """Return a declaration of the right shape as the renderer reads it."""
    return msgspec.convert(_as_stored(written), Variable)


def _as_stored(written: Manifest) -> dict[str, Any]:
    read: dict[str, Any] = {
        key: whole(value) for key, value in written.items() if value is not None and key != "default"
    }
    if "properties" in read:
        read["properties"] = [_as_stored(each) for each in read["properties"]]
    return read | ({"default": written["default"]} if "default" in written else {})


def check_declaration(variable: Variable, path: str) -> list[Finding]:
    """Return everything that is wrong with the declaration of one variable, itself well-typed by the schema."""
    found = [finding for check in _FIELD_CHECKS for finding in check(variable, path)]
    for index, each in enumerate(variable.properties or ()):
        found += [finding for check in _FIELD_CHECKS for finding in check(each, f"{path}.properties[{index}]")]
    return found + [finding for check in _VARIABLE_CHECKS for finding in check(variable, path)]


def _wrong(message: str, path: str) -> Finding:
    return Finding(reasons.INVALID_VARIABLE, message, path)


def _name_is_usable(variable: Field, path: str) -> Iterator[Finding]:
    name = variable.name
    if name in RESERVED:
        yield _wrong(f"{name} is a word of the language and cannot be a variable's name", f"{path}.name")
    elif not is_variable_name(name):
        yield _wrong(f"{shown(name)} is not a variable's name: {NAME_RULE}", f"{path}.name")


def _bounds_fit_type(variable: Field, path: str) -> Iterator[Finding]:
    bounded = variable.item_type if variable.type == "list" else variable.type
    for key in _STRING_ONLY:
        if getattr(variable, key) is not None and bounded != "string":
            yield _wrong(f"{_written(key)} is for strings, the type is {_kind(variable)}", f"{path}.{_written(key)}")
    for key in _NUMBER_ONLY:
        if getattr(variable, key) is not None and bounded not in ("integer", "number"):
            yield _wrong(f"{_written(key)} is for numbers, the type is {_kind(variable)}", f"{path}.{_written(key)}")
    for key in _LIST_ONLY:
        if getattr(variable, key) is not None and variable.type != "list":
            yield _wrong(f"{_written(key)} is for lists, the type is {variable.type}", f"{path}.{_written(key)}")


def _kind(variable: Field) -> str:
    return f"list of {variable.item_type or 'anything'}" if variable.type == "list" else variable.type


def _written(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(map(str.capitalize, others))


def _bounds_leave_room(variable: Field, path: str) -> Iterator[Finding]:
    for low, high in _PAIRS:
        lowest, highest = getattr(variable, low), getattr(variable, high)
        if lowest is not None and highest is not None and lowest > highest:
            yield _wrong(f"{_written(low)} is above {_written(high)}: no value fits", f"{path}.{_written(low)}")
    if "integer" in (variable.type, variable.item_type) and _holds_no_integer(variable.minimum, variable.maximum):
        yield _wrong("no integer lies between minimum and maximum: no value fits", f"{path}.minimum")


def _holds_no_integer(lowest: float | None, highest: float | None) -> bool:
    return lowest is not None and highest is not None and math.floor(highest) < lowest <= highest


def _enum_can_be_given(variable: Field, path: str) -> Iterator[Finding]:
    values = variable.enum or ()
    for index, value in enumerate(values):
        if value in values[:index]:
            yield _wrong("the same value stands here twice: remove one", f"{path}.enum[{index}]")
        elif reason := _changed_by_policy(value) or bounds_error(value, variable):
            yield _wrong(f"no caller can give this value: {reason}", f"{path}.enum[{index}]")


def _properties_fit(variable: Variable, path: str) -> Iterator[Finding]:
    if variable.properties is not None and "object" not in (variable.type, variable.item_type):
        yield _wrong(f"properties are for objects, the type is {_kind(variable)}", f"{path}.properties")
    names = [each.name for each in variable.properties or ()]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield _wrong(
                f'field "{name}" is declared twice: remove one of the declarations', f"{path}.properties[{index}].name"
            )
    for index, each in enumerate(variable.properties or ()):
        if each.item_type == "message":
            yield _wrong("messages stand in a variable of their own", f"{path}.properties[{index}].itemType")


def _default_fits(variable: Variable, path: str) -> Iterator[Finding]:
    default: Any = variable.default
    if default is msgspec.UNSET:
        return
    if reason := type_error(variable.type, default):
        yield _wrong(f"the default {reason}", f"{path}.default")
    elif isinstance(default, str) and (reason := _changed_by_policy(default)):
        yield _wrong(f"the default cannot be rendered as it stands: {reason}", f"{path}.default")
    elif isinstance(default, list | dict):
        yield from _nested_default_fits(variable, path)
    elif reason := bounds_error(default, variable):
        yield _wrong(f"the default {reason}", f"{path}.default")


def _nested_default_fits(variable: Variable, path: str) -> Iterator[Finding]:
    default: Any = variable.default
    if isinstance(default, list) and (reason := count_error(default, variable)):
        yield _wrong(f"the default {reason}", f"{path}.default")
        return
    try:
        resolved = resolve((variable,), {variable.name: default}, strict=True)
    except InvalidVariables as refusal:
        yield from (_wrong(f"the default: {error.detail}", f"{path}.default") for error in refusal.errors)
        return
    for warning in resolved.warnings:
        yield _wrong(f"the default cannot be rendered as it stands: {warning.detail}", f"{path}.default")


def _shape_is_declared(variable: Field, path: str) -> Iterator[Finding]:
    message = ""
    if variable.type == "list" and variable.item_type is None:
        message = "the list may hold anything, and nothing of it is checked: declare itemType"
    elif "object" in (variable.type, variable.item_type) and variable.fields is None and isinstance(variable, Variable):
        message = "objects may have any fields, and a misspelt one is not noticed before a render: declare properties"
    if message:
        yield Finding(reasons.UNDECLARED_SHAPE, message, path, severity="warning")


def _history_is_given(variable: Variable, path: str) -> Iterator[Finding]:
    if variable.is_history and variable.from_values:
        yield _wrong("a history comes from the caller alone", f"{path}.fromValues")


def _raw_is_known(variable: Variable, path: str) -> Iterator[Finding]:
    has_text = (variable.item_type or variable.type) not in _WITHOUT_TEXT
    if variable.unicode == "raw" and variable.trust == "untrusted" and has_text:
        message = "unicode: raw lets hidden characters of an untrusted value reach the model: leave it out unless they are needed"
        yield Finding(reasons.INVALID_CHARACTER, message, f"{path}.unicode", severity="warning")


def _says_something(variable: Variable, path: str) -> Iterator[Finding]:
    if variable.optional and variable.default is not msgspec.UNSET:
        yield _unheard("with a default it is never absent: remove one of the two", f"{path}.optional")
    if variable.unicode == "raw" and variable.trust == "trusted":
        yield _unheard("a trusted value is not cleaned anyway: remove it", f"{path}.unicode")
    if variable.unicode == "raw" and (variable.item_type or variable.type) in _WITHOUT_TEXT:
        yield _unheard(f"there is no text in it, the type is {_kind(variable)}: remove it", f"{path}.unicode")


def _unheard(message: str, path: str) -> Finding:
    return Finding(reasons.INVALID_VARIABLE, message, path, severity="warning")


def _changed_by_policy(text: str) -> str:
    try:
        changes = clean(text).changes
    except RefusedText as refusal:
        return f"it contains {refusal}"
    return ", ".join(changes)


FieldCheck = Callable[[Field, str], Iterator[Finding]]
VariableCheck = Callable[[Variable, str], Iterator[Finding]]
_FIELD_CHECKS: tuple[FieldCheck, ...] = (
    _name_is_usable,
    _bounds_fit_type,
    _bounds_leave_room,
    _enum_can_be_given,
    _shape_is_declared,
)
_VARIABLE_CHECKS: tuple[VariableCheck, ...] = (
    _properties_fit,
    _default_fits,
    _history_is_given,
    _raw_is_known,
    _says_something,
)
