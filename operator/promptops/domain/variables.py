"""Variables: is a declaration sound, and do the given values fit it. Nothing is coerced."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from promptops.api import reasons
from promptops.api.content import Variable
from promptops.api.http import VariableError, Warning
from promptops.domain.errors import InvalidVariables
from promptops.domain.language.names import NAME_RULE, RESERVED, is_variable_name, shown
from promptops.domain.language.values import TYPES, Bounds, Value, bounds_error, type_error
from promptops.domain.unicode import RefusedText, clean

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


MISSING = "Missing"
WRONG_TYPE = "WrongType"
OUT_OF_BOUNDS = "OutOfBounds"
INVALID_NAME = "InvalidName"


@dataclass(frozen=True)
class Resolved:
    """What a template is rendered with: plain JSON data. An optional variable that nobody gave is absent."""

    values: Mapping[str, Value]
    warnings: tuple[Warning, ...] = ()


def resolve(declarations: Iterable[Variable], given: Mapping[str, object], strict: bool = False) -> Resolved:
    """Return the value of every declared variable that has one. Whoever is not declared is dropped with a warning.

    Raises InvalidVariables naming everything that is missing or wrong; with `strict`, also whoever is not declared.
    """
    values: dict[str, Value] = {}
    errors: list[VariableError] = []
    warnings: list[Warning] = []
    for variable in (declared := {variable.name: variable for variable in declarations}).values():
        if variable.name in given:
            accepted = _accept(variable, given[variable.name], warnings)
            if isinstance(accepted, VariableError):
                errors.append(accepted)
            else:
                values[variable.name] = accepted
        elif variable.required:
            errors.append(VariableError(variable.name, MISSING, f"{variable.name} is missing"))
        elif variable.default is not msgspec.UNSET:
            values[variable.name] = variable.default
    if unknown := given.keys() - declared.keys():
        _judge_unknown(unknown, strict, errors, warnings)
    if errors:
        raise InvalidVariables(tuple(errors))
    return Resolved(values, tuple(warnings))


def _accept(variable: Variable, value: Any, warnings: list[Warning]) -> Value | VariableError:
    name = variable.name
    if reason := type_error(variable.type, value):
        return VariableError(name, WRONG_TYPE, f"{name} {reason}")
    if isinstance(value, str):
        try:
            cleaned = clean(value)
        except RefusedText as refusal:
            return VariableError(name, reasons.INVALID_CHARACTER, f"{name} contains {refusal}")
        warnings.extend(Warning(reasons.VALUE_CHANGED, f"{name}: {change}", name) for change in cleaned.changes)
        value = cleaned.text
    if reason := bounds_error(value, variable):
        return VariableError(name, OUT_OF_BOUNDS, f"{name} {reason}")
    accepted: Value = value
    return accepted


def _judge_unknown(names: Iterable[str], strict: bool, errors: list[VariableError], warnings: list[Warning]) -> None:
    for name in sorted(names):
        if not is_variable_name(name):
            errors.append(
                VariableError(shown(name), INVALID_NAME, f"{shown(name)} is not a variable's name: {NAME_RULE}")
            )
        elif strict:
            errors.append(VariableError(name, reasons.UNKNOWN_VARIABLE, f"{name} is not declared"))
        else:
            warnings.append(Warning(reasons.UNKNOWN_VARIABLE, f"{name} is not declared and was dropped", name))
