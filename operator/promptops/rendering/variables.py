"""Variables: do the given values fit what is declared. Nothing is coerced, everything wrong is told at once."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from promptops.api import reasons
from promptops.api.content import Field, Variable
from promptops.api.http import VariableError, Warning
from promptops.api.limits import MAX_VARIABLE_CHARACTERS
from promptops.rendering.errors import InvalidVariables
from promptops.rendering.names import NAME_RULE, is_variable_name, shown
from promptops.rendering.unicode import RefusedText, clean, is_encodable
from promptops.rendering.values import bounds_error, count_error, kind_of, type_error

MISSING = "Missing"
WRONG_TYPE = "WrongType"
OUT_OF_BOUNDS = "OutOfBounds"
INVALID_NAME = "InvalidName"

MAX_DEPTH = 32
MAX_ERRORS_OF_ONE = 5
"""So many errors inside one list or object are told."""
_MAX_COMPARED = 20


@dataclass(frozen=True)
class Resolved:
    """What a template is rendered with: plain JSON data. An optional variable that nobody gave is absent."""

    values: Mapping[str, Any]
    warnings: tuple[Warning, ...] = ()


def resolve(
    declarations: Iterable[Variable],
    given: Mapping[str, object],
    strict: bool = False,
    filled: Mapping[str, object] | None = None,
    unread: frozenset[str] = frozenset(),
) -> Resolved:
    """Return the value of every declared variable that has one: the caller's, else the one `filled` from values where that is
    declared, else the default. Whoever is not declared is dropped with a warning. Of those that are `unread` only the type is
    looked at: a render costs nothing for what it does not render.

    Raises InvalidVariables naming everything that is missing or wrong; with `strict`, also whoever is not declared.
    """
    values: dict[str, Any] = {}
    errors: list[VariableError] = []
    warnings: list[Warning] = []
    missing: list[Variable] = []
    for variable in (declared := {variable.name: variable for variable in declarations}).values():
        if variable.name in given and variable.name in unread:
            _accept_unread(variable, given[variable.name], errors)
        elif variable.name in given:
            _accept(variable, given[variable.name], strict, values, errors, warnings)
        elif variable.from_values and filled and variable.name in filled:
            _accept(variable, filled[variable.name], strict, values, errors, warnings)
        elif variable.default is not msgspec.UNSET:
            values[variable.name] = variable.default
        elif variable.required:
            missing.append(variable)
            errors.append(VariableError(variable.name, MISSING, ""))
    if unknown := given.keys() - declared.keys():
        _judge_unknown(unknown, strict, errors, warnings)
    if errors:
        raise InvalidVariables(tuple(_with_advice(errors, sorted(unknown), missing)))
    return Resolved(values, tuple(warnings))


def _accept(
    variable: Variable,
    value: object,
    strict: bool,
    values: dict[str, Any],
    errors: list[VariableError],
    warnings: list[Warning],
) -> None:
    reading = _Reading(variable, strict)
    accepted = reading.declared(value, variable, variable.name, 0)
    warnings.extend(reading.warnings)
    if reading.errors:
        errors.extend(reading.errors[:MAX_ERRORS_OF_ONE])
    else:
        values[variable.name] = accepted


def _accept_unread(variable: Variable, value: object, errors: list[VariableError]) -> None:
    if reason := type_error(variable.type, value):
        errors.append(VariableError(variable.name, WRONG_TYPE, f"{variable.name} {reason}"))


@dataclass
class _Reading:
    """Reads the value of one variable, and keeps what is wrong with it."""

    variable: Variable
    strict: bool
    errors: list[VariableError] = field(default_factory=list)
    warnings: list[Warning] = field(default_factory=list)

    def declared(self, value: Any, what: Field, path: str, depth: int) -> Any:
        """Read a value of a declared type."""
        if reason := type_error(what.type, value):
            return self._wrong(path, WRONG_TYPE, f"{path} {reason}")
        if what.type == "list":
            return self._list(value, what, path, depth)
        if what.type == "object":
            return self._object(value, what.fields, path, depth)
        return self._scalar(value, what, path)

    def _scalar(self, value: Any, what: Field, path: str) -> Any:
        if isinstance(value, str):
            value = self._text(value, path)
            if value is None:
                return None
        if reason := bounds_error(value, what):
            return self._wrong(path, OUT_OF_BOUNDS, f"{path} {reason}")
        return value

    def _list(self, value: list[Any], what: Field, path: str, depth: int) -> Any:
        if reason := count_error(value, what):
            return self._wrong(path, OUT_OF_BOUNDS, f"{path} {reason}")
        items: list[Any] = []
        for index, each in enumerate(value):
            if len(self.errors) >= MAX_ERRORS_OF_ONE:
                break
            items.append(self._item(each, what, f"{path}[{index}]", depth + 1))
        return items

    def _item(self, value: Any, what: Field, path: str, depth: int) -> Any:
        kind = what.item_type
        if kind is None:
            return self._free(value, path, depth)
        if reason := type_error(kind, value):
            return self._wrong(path, WRONG_TYPE, f"{path} {reason}")
        if kind == "message":
            return self._message(value, path)
        if kind == "object":
            return self._object(value, what.fields, path, depth)
        return self._scalar(value, what, path)

    def _message(self, value: dict[Any, Any], path: str) -> Any:
        if value.keys() != {"role", "content"} or type(value["role"]) is not str or type(value["content"]) is not str:
            return self._wrong(
                path,
                WRONG_TYPE,
                f"{path} must be a message: an object with the strings role and content, and nothing else",
            )
        return {"role": value["role"], "content": self._text(value["content"], f"{path}.content")}

    def _object(self, value: dict[Any, Any], fields: tuple[Field, ...] | None, path: str, depth: int) -> Any:
        if fields is None:
            return self._free(value, path, depth)
        read: dict[str, Any] = {}
        for each in fields:
            if each.name in value:
                read[each.name] = self.declared(value[each.name], each, f"{path}.{each.name}", depth + 1)
            elif not each.optional:
                self._wrong(path, MISSING, f"{path}.{each.name} is missing")
        if len(value) > len(read):
            self._undeclared(value, fields, path)
        return read

    def _undeclared(self, value: dict[Any, Any], fields: tuple[Field, ...], path: str) -> None:
        known = {each.name for each in fields}
        for key in islice((key for key in value if key not in known), MAX_ERRORS_OF_ONE):
            name = key if type(key) is str and is_variable_name(key) else shown(str(key))
            if self.strict:
                self._wrong(path, reasons.UNKNOWN_VARIABLE, f"{path}.{name} is not declared")
            elif len(self.warnings) < MAX_ERRORS_OF_ONE:
                detail = f"{path}.{name} is not declared and was dropped"
                self.warnings.append(Warning(reasons.UNKNOWN_VARIABLE, detail, self.variable.name))

    def _free(self, value: Any, path: str, depth: int) -> Any:
        """Read JSON of any shape."""
        if depth > MAX_DEPTH:
            return self._wrong(path, WRONG_TYPE, f"{self.variable.name} is nested deeper than {MAX_DEPTH} levels")
        if len(self.errors) >= MAX_ERRORS_OF_ONE or value is None or type(value) is bool:
            return value
        if type(value) is str:
            return self._text(value, path)
        if type(value) in (int, float):
            reason = type_error("number", value)
            return self._wrong(path, WRONG_TYPE, f"{path} {reason}") if reason else value
        if type(value) is list:
            return [self._free(each, f"{path}[{index}]", depth + 1) for index, each in enumerate(value)]
        if type(value) is not dict:
            return self._wrong(path, WRONG_TYPE, f"{path} must be JSON, not {kind_of(value)}")
        return {self._key(key, path): self._free(each, f"{path}.…", depth + 1) for key, each in value.items()}

    def _key(self, key: Any, path: str) -> Any:
        if type(key) is not str or len(key) > 1024 or self._text(key, f"a key of {path}") != key:
            self._wrong(path, INVALID_NAME, f"{path} has a key that cannot be rendered as it stands")
        return key

    def _text(self, value: str, path: str) -> Any:
        if self.variable.trust == "trusted" or self.variable.unicode == "raw":
            if not is_encodable(value):
                return self._wrong(path, reasons.INVALID_CHARACTER, f"{path} contains half of a surrogate pair")
            return value
        try:
            cleaned = clean(value)
        except RefusedText as refusal:
            return self._wrong(path, reasons.INVALID_CHARACTER, f"{path} contains {refusal}")
        for change in cleaned.changes:
            if len(self.warnings) < MAX_ERRORS_OF_ONE:
                self.warnings.append(Warning(reasons.VALUE_CHANGED, f"{path}: {change}", self.variable.name))
        return cleaned.text

    def _wrong(self, path: str, code: str, detail: str) -> None:
        self.errors.append(VariableError(self.variable.name, code, detail))


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


def _with_advice(
    errors: Iterable[VariableError], unknown: list[str], missing: list[Variable]
) -> Iterable[VariableError]:
    """Say beside a missing variable which of the undeclared ones may be a misspelling of it."""
    waiting = {variable.name: variable for variable in missing}
    compared = [name for name in unknown[:_MAX_COMPARED] if len(name) <= MAX_VARIABLE_CHARACTERS]
    for number, error in enumerate(errors):
        variable = waiting.get(error.variable) if error.code == MISSING and not error.detail else None
        if variable is None:
            yield error
            continue
        close = difflib.get_close_matches(variable.name, compared, n=1) if number < _MAX_COMPARED else []
        where = ": no values fill it" if variable.from_values else ""
        advice = f': you gave {close[0]}, did you mean "{variable.name}"?' if close else where
        yield VariableError(variable.name, MISSING, f"{variable.name} is missing{advice}")
