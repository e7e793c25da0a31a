"""The words of the language: statements, filters and tests with what they take, and what is refused by name."""

from typing import NamedTuple

from promptops.api.limits import MAX_VARIABLE_CHARACTERS
from promptops.rendering.syntax.tree import Scalar


class Parameter(NamedTuple):
    """What a filter or test takes at one place. Numbers and switches are literals, so that their bounds hold before rendering."""

    name: str
    kind: str = "any"
    """any, boolean, number, name (of a field), or a word."""
    lowest: int = 0
    highest: int = 0
    words: tuple[str, ...] = ()


class Callable(NamedTuple):
    """What a filter or a test takes beside the value in front of it."""

    parameters: tuple[Parameter, ...] = ()
    required: int = 0

    def objection(self, position: int, value: Scalar, is_literal: bool) -> str:
        """Say why an argument cannot stand at this place; nothing when it can."""
        parameter = self.parameters[position]
        if parameter.kind == "any":
            return ""
        if not is_literal:
            return f"{parameter.name} must be written as a literal, not computed"
        return _objection(parameter, value)


def _objection(parameter: Parameter, value: Scalar) -> str:
    if parameter.kind == "boolean":
        return "" if isinstance(value, bool) else f"{parameter.name} must be true or false"
    if parameter.kind == "number":
        fits = type(value) is int and parameter.lowest <= value <= parameter.highest
        return "" if fits else f"{parameter.name} must be a whole number from {parameter.lowest} to {parameter.highest}"
    if parameter.kind == "word":
        return "" if value in parameter.words else f"{parameter.name} must be one of {', '.join(parameter.words)}"
    fits = isinstance(value, str) and not value.startswith("__") and 0 < len(value) <= MAX_VARIABLE_CHARACTERS
    if fits and parameter == FIELD and "." in value:  # type: ignore[operator]  # it is a string
        return f"{parameter.name} must be one field's name, without a dot: let the caller lift it to the item"
    return "" if fits else f"{parameter.name} must be the name of a field"


def _switch(name: str) -> Parameter:
    return Parameter(name, "boolean")


FIELD = Parameter("the attribute", "name")

FILTERS: dict[str, Callable] = {
    "capitalize": Callable(),
    "count": Callable(),
    "d": Callable((Parameter("the default"), _switch("boolean"))),
    "default": Callable((Parameter("the default"), _switch("boolean"))),
    "fenced": Callable((Parameter("the label", "name"),)),
    "first": Callable(),
    "indent": Callable((Parameter("the width", "number", 0, 64), _switch("first"), _switch("blank"))),
    "join": Callable((Parameter("the separator"), FIELD)),
    "last": Callable(),
    "length": Callable(),
    "list": Callable(),
    "lower": Callable(),
    "replace": Callable((Parameter("the old text"), Parameter("the new text"), Parameter("the count", "number", 0, 1_000_000)), 2),
    "round": Callable((Parameter("the precision", "number", 0, 15), Parameter("the method", "word", words=("common", "ceil", "floor")))),
    "sort": Callable((_switch("reverse"), _switch("case_sensitive"), FIELD)),
    "title": Callable(),
    "tojson": Callable((Parameter("the indent", "number", 0, 8),)),
    "trim": Callable((Parameter("the characters"),)),
    "truncate": Callable(
        (Parameter("the length", "number", 1, 1_000_000), _switch("killwords"), Parameter("the end"), Parameter("the leeway", "number", 0, 1_000_000))
    ),
    "unique": Callable((_switch("case_sensitive"), FIELD)),
    "upper": Callable(),
}  # fmt: skip
"""Filters by name, with what they take in brackets."""

_OTHER = Callable((Parameter("the other value"),), 1)

TESTS: dict[str, Callable] = {
    **dict.fromkeys(
        ("boolean", "defined", "even", "false", "float", "integer", "iterable", "lower", "mapping", "none", "number",
         "odd", "sequence", "string", "true", "undefined", "upper"),
        Callable(),
    ),
    **dict.fromkeys(("eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt", "ne"), _OTHER),
    "divisibleby": Callable((Parameter("the divisor", "number", 1, 2**53 - 1),), 1),
}  # fmt: skip
"""Tests by name: what may stand behind `is`."""

LOOP_FIELDS = (
    "first",
    "index",
    "index0",
    "last",
    "length",
    "nextitem",
    "previtem",
    "revindex",
    "revindex0",
)
"""What a loop says about itself: `loop.index` and the like."""

STATEMENTS = ("if", "elif", "else", "endif", "for", "endfor", "include", "raw", "endraw")
