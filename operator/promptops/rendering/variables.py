"""Variables: do the given values fit what is declared. Nothing is coerced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from promptops.api import reasons
from promptops.api.content import Variable
from promptops.api.http import VariableError, Warning
from promptops.rendering.errors import InvalidVariables
from promptops.rendering.names import NAME_RULE, is_variable_name, shown
from promptops.rendering.unicode import RefusedText, clean
from promptops.rendering.values import Value, bounds_error, type_error

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
