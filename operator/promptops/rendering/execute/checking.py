"""The source that looks at the values of a usual call and gives up on any other; it is one half of the short way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from promptops.api.content import Field, Variable
from promptops.rendering.control_tokens import may_make_tokens
from promptops.rendering.execute.loops import MAX_CHARACTERS, PlainLoop
from promptops.rendering.execute.values import NOTHING
from promptops.rendering.unicode import are_clean, is_clean, is_encodable, is_plain
from promptops.rendering.values import bounds_error, count_error, type_error

GIVEN_UP = "return None"
BOUND: Mapping[str, Any] = {
    "are_clean": are_clean,
    "bounds_error": bounds_error,
    "count_error": count_error,
    "is_clean": is_clean,
    "is_encodable": is_encodable,
    "is_plain": is_plain,
    "may_make_tokens": may_make_tokens,
    "type_error": type_error,
}


class CheckWriter:
    """Writes lines that bind each variable to `v0`, `v1` …, and gather the strings: untrusted ones in `u`, others in `w`.

    No character of an author's or a caller's stands in a line: what a name stands for is bound to it.
    """

    def __init__(self, unread: frozenset[str], *, gathers_trusted: bool) -> None:
        self.bound: dict[str, Any] = {}
        self.lines: list[str] = []
        self.gathered: dict[str, list[str]] = {"u": [], "w": []}
        """What each of the two is made of: strings that may be given, and lists of them."""
        self._unread = unread
        self._gathers_trusted = gathers_trusted
        self._made = 0
        self.loops: dict[str, list[PlainLoop]] = {}
        """Loops that are said while their list is looked at, by the list."""

    def line(self, depth: int, text: str) -> None:
        """Add a line."""
        self.lines.append(" " * (depth + 1) + text)

    def bind(self, value: Any) -> str:
        """Return a name for a value."""
        self._made += 1
        name = f"b{self._made}"
        self.bound[name] = value
        return name

    def variables(self, variables: Sequence[Variable]) -> None:
        """Check all variables."""
        self.line(1, f"if type(given) is not dict: {GIVEN_UP}")
        for gathering in ("u", "w"):
            if any(
                self._gathering(each) == gathering and _is_nested(each) for each in variables if self._is_read(each)
            ):
                self.line(1, f"{gathering}s = []")
                self.gathered[gathering].append(f"*{gathering}s")
        # A loop may say other variables: they are looked at before it.
        named = sorted(
            ((f"v{index}", each) for index, each in enumerate(variables)), key=lambda pair: pair[0] in self.loops
        )
        present = [self._variable(value, variable) for value, variable in named]
        self.line(1, f"if len(given) != {_sum(present)}: {GIVEN_UP}")
        self._gather()

    def _is_read(self, variable: Variable) -> bool:
        return variable.name not in self._unread

    @staticmethod
    def _gathering(variable: Variable) -> str:
        return "w" if variable.trust == "trusted" or variable.unicode == "raw" else "u"

    def _gather(self) -> None:
        """Look at the strings of each kind together. The blank between them keeps a line's end from being made of two.

        Of a few, those that are not ASCII are looked at apart from the others: it takes longer to look at other scripts.
        """
        for gathering, pieces in self.gathered.items():
            if not pieces:
                continue
            if len(pieces) == 1 and not pieces[0].startswith("*"):
                self.line(1, f"{gathering} = {pieces[0]}")
            elif any(piece.startswith("*") for piece in pieces):
                self.line(1, f"{gathering} = ' '.join(({', '.join(pieces)},))")
            else:
                self.line(1, f'{gathering} = f"{" ".join(f"{{{piece}}}" for piece in pieces)}"')
        if pieces := self.gathered["u"]:
            all_at_once = len(pieces) == 1 or any(piece.startswith("*") for piece in pieces)
            apart = "is_clean(u)" if all_at_once else f"are_clean(({', '.join(pieces)},), u)"
            self.line(1, f"if not (is_plain(u) if u.isascii() else {apart}): {GIVEN_UP}")
        if self.gathered["w"]:
            self.line(1, f"if not w.isascii() and not is_encodable(w): {GIVEN_UP}")

    def _variable(self, value: str, variable: Variable) -> str:
        """Check one variable, and return what it adds to the number of values that may be given."""
        key = self.bind(variable.name)
        if variable.required or variable.from_values:
            self.line(1, f"{value} = given[{key}]")
            self._value(1, value, variable, variable)
            return "1"
        default = NOTHING if variable.default is msgspec.UNSET else variable.default
        self.line(1, f"p{value} = {key} in given")
        self.line(1, f"{value} = given[{key}] if p{value} else {self.bind(default)}")
        self.line(1, f"if p{value}:")
        self._value(2, value, variable, variable)
        return f"p{value}"

    def _value(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        if not self._is_read(variable):
            self.line(depth, f"if type_error({self.bind(declared.type)}, {value}): {GIVEN_UP}")
            return
        match declared.type:
            case "list":
                self._list(depth, value, declared, variable)
            case "object":
                self._object(depth, value, declared, variable)
            case kind:
                self._scalar(depth, value, kind, declared, variable)

    def _scalar(self, depth: int, value: str, kind: str, declared: Field, variable: Variable) -> None:
        if kind == "string":
            self._string(depth, value, declared, variable)
        elif kind == "boolean":
            self.line(depth, f"if type({value}) is not bool: {GIVEN_UP}")
        else:
            self.line(depth, f"if type_error({self.bind(kind)}, {value}): {GIVEN_UP}")
            if declared.minimum is not None or declared.maximum is not None:
                self.line(depth, f"if bounds_error({value}, {self.bind(declared)}): {GIVEN_UP}")

    def _string(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        self.line(depth, f"if type({value}) is not str: {GIVEN_UP}")
        bounds = (declared.enum, declared.min_length, declared.format)
        if any(bound is not None for bound in bounds):
            self.line(depth, f"if bounds_error({value}, {self.bind(declared)}): {GIVEN_UP}")
        elif declared.max_length is not None:
            self.line(depth, f"if len({value}) > {int(declared.max_length)}: {GIVEN_UP}")
        if variable.unicode == "raw" and variable.trust == "untrusted":
            self.line(depth, f"if may_make_tokens({value}): {GIVEN_UP}")
        if variable.trust == "trusted" and not self._gathers_trusted:
            return
        gathering = self._gathering(variable)
        if _is_nested(variable):
            self.line(depth, f"{gathering}s.append({value})")  # the interpreter has an instruction for it
        elif depth == 1:
            self.gathered[gathering].append(value)
        else:  # it may not be given; a default was looked at when the content was made
            self.gathered[gathering].append(f"({value} if p{value} else '')")

    def _list(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        self.line(depth, f"if type({value}) is not list: {GIVEN_UP}")
        if declared.min_items is not None or declared.max_items is not None:
            self.line(depth, f"if count_error({value}, {self.bind(declared)}): {GIVEN_UP}")
        each, loops = f"i{value}", self.loops.get(value, [])
        self._before_rounds(depth, value, loops)
        is_counted = any(loop.is_counted for loop in loops)
        self.line(depth, f"for k{value}, {each} in enumerate({value}):" if is_counted else f"for {each} in {value}:")
        if declared.item_type == "object":
            self._object(depth + 1, each, declared, variable)
        else:
            self._scalar(depth + 1, each, declared.item_type or "", declared, variable)
        for loop in loops:
            if loop.is_counted:
                self.line(depth + 1, f"k{loop.number} = k{value}")
            self.line(depth + 1, f"{loop.said}.append({loop.round})")

    def _before_rounds(self, depth: int, value: str, loops: Sequence[PlainLoop]) -> None:
        for loop in loops:
            self.line(depth, f"if len({value}) * ({loop.each_round}) > {MAX_CHARACTERS}: {GIVEN_UP}")
            if loop.is_counted:
                self.line(depth, f"n{loop.number} = len({value})")

    def _object(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        prefix, present = f"{value}_", []
        self.line(depth, f"if type({value}) is not dict: {GIVEN_UP}")
        for index, each in enumerate(declared.fields or ()):
            name, key = f"{prefix}{index}", self.bind(each.name)
            if each.optional:
                self.line(depth, f"p{name} = {key} in {value}")
                self.line(depth, f"if p{name}:")
                self.line(depth + 1, f"{name} = {value}[{key}]")
                self._value(depth + 1, name, each, variable)
            else:
                self.line(depth, f"{name} = {value}[{key}]")
                self._value(depth, name, each, variable)
            present.append(f"p{name}" if each.optional else "1")
        self.line(depth, f"if len({value}) != {_sum(present)}: {GIVEN_UP}")


def has_free_values(variable: Field) -> bool:
    """Whether a value may have a shape that is only known when it is there."""
    inner = variable.fields
    if variable.type == "object" or variable.item_type == "object":
        return inner is None or any(map(has_free_values, inner))
    return variable.type == "list" and variable.item_type in (None, "message")


def _is_nested(variable: Variable) -> bool:
    return variable.type in ("list", "object")


def _sum(present: Sequence[str]) -> str:
    certain = present.count("1")
    return " + ".join((str(certain), *(each for each in present if each != "1")))
