"""The short way: one function made for one content that checks and renders a usual call, and gives up on any other.

It gives up whenever a value is missing, unknown, of another type, out of bounds, or needs a second look; the long way then says
what is wrong, cleans what can be cleaned, or renders what was fine after all. What the short way answers, the long way would
answer too, without a warning: a test compares the two. No character of an author's or a caller's stands in the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from promptops.api.content import Field, Variable
from promptops.api.http import MAX_OUTPUT_BYTES
from promptops.rendering.control_tokens import has_token, may_complete_token, may_make_tokens
from promptops.rendering.execute.program import Program
from promptops.rendering.execute.values import NOTHING, Fuel, RenderFault, TooMuchOutput, TooMuchWork
from promptops.rendering.syntax.tree import Output, Text, texts
from promptops.rendering.unicode import BAD_ASCII, is_clean, is_encodable
from promptops.rendering.values import bounds_error, count_error, text_of, type_error

Quick = Callable[[Mapping[str, Any]], tuple[str, ...] | None]

_MAX_CHARACTERS = MAX_OUTPUT_BYTES // 4
"""So many characters are within the limit of bytes, whatever they are."""
_MAX_PIECES = 500
_GIVEN_UP = "return None"


def quick_render(
    variables: Sequence[Variable], programs: Sequence[Program], unread: frozenset[str] = frozenset()
) -> Quick | None:
    """Return the function, or None for content that is too large to have one. Of what is `unread` only the type is looked at."""
    read = [variable for variable in variables if variable.name not in unread]
    if sum(len(program.body) for program in programs) > _MAX_PIECES or any(map(_has_free_values, read)):
        return None
    namespace = dict(_BOUND)
    source = _Writer(namespace, unread).whole(variables, programs)
    exec(compile(source, "<quick>", "exec"), namespace)  # noqa: S102  # our own source: it holds nothing an author wrote
    made: Quick = namespace["quick"]
    return made


def _has_free_values(variable: Field) -> bool:
    """Whether a value may have a shape that is only known when it is there."""
    inner = variable.fields
    if variable.type == "object" or variable.item_type == "object":
        return inner is None or any(map(_has_free_values, inner))
    return variable.type == "list" and variable.item_type in (None, "message")


class _Writer:
    """Writes the source line by line, and binds what its names stand for."""

    def __init__(self, namespace: dict[str, Any], unread: frozenset[str]) -> None:
        self._namespace = namespace
        self._unread = unread
        self._lines = ["def quick(given):", " try:"]
        self._made = 0
        self._untrusted: list[str] = []
        self._gathers = False

    def whole(self, variables: Sequence[Variable], programs: Sequence[Program]) -> str:
        """Return the source for a content."""
        self._gathers = any(each.type in ("list", "object") and each.name not in self._unread for each in variables)
        self._line(1, "if type(given) is not dict: return None")
        if self._gathers:
            self._line(1, "strings = []")
            self._line(1, "look_at = strings.append")
        present = [self._variable(f"v{index}", variable) for index, variable in enumerate(variables)]
        self._line(1, f"if len(given) != {' + '.join(present) or '0'}: return None")
        self._look_at_strings()
        names = {variable.name: (f"v{index}", variable) for index, variable in enumerate(variables)}
        self._bound_output(names, programs)
        made = [self._message(f"m{index}", program, names) for index, program in enumerate(programs)]
        self._refuse_tokens(made, programs)
        self._line(1, f"return ({''.join(f'{each}, ' for each in made)})")
        self._line(0, "except KeyError: return None")
        return "\n".join(self._lines) + "\n"

    def _line(self, depth: int, text: str) -> None:
        self._lines.append(" " * (depth + 1) + text)

    def _bind(self, value: Any) -> str:
        self._made += 1
        name = f"b{self._made}"
        self._namespace[name] = value
        return name

    def _variable(self, value: str, variable: Variable) -> str:
        """Check one variable, and return what it adds to the number of values that may be given."""
        key = self._bind(variable.name)
        if variable.required or variable.from_values:
            self._line(1, f"{value} = given[{key}]")
            self._value(1, value, variable, variable)
            return "1"
        default = NOTHING if variable.default is msgspec.UNSET else variable.default
        self._line(1, f"p{value} = {key} in given")
        self._line(1, f"{value} = given[{key}] if p{value} else {self._bind(default)}")
        self._line(1, f"if p{value}:")
        self._value(2, value, variable, variable)
        return f"p{value}"

    def _value(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        if variable.name in self._unread:
            self._line(depth, f"if type_error({self._bind(declared.type)}, {value}): {_GIVEN_UP}")
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
            self._line(depth, f"if type({value}) is not bool: {_GIVEN_UP}")
        else:
            self._line(depth, f"if type_error({self._bind(kind)}, {value}): {_GIVEN_UP}")
            if declared.minimum is not None or declared.maximum is not None:
                self._line(depth, f"if bounds_error({value}, {self._bind(declared)}): {_GIVEN_UP}")

    def _string(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        self._line(depth, f"if type({value}) is not str: {_GIVEN_UP}")
        bounds = (declared.enum, declared.min_length, declared.format)
        if any(bound is not None for bound in bounds):
            self._line(depth, f"if bounds_error({value}, {self._bind(declared)}): {_GIVEN_UP}")
        elif declared.max_length is not None:
            self._line(depth, f"if len({value}) > {int(declared.max_length)}: {_GIVEN_UP}")
        if variable.trust == "trusted" or variable.unicode == "raw":
            self._line(depth, f"if not {value}.isascii() and not is_encodable({value}): {_GIVEN_UP}")
            if variable.trust == "untrusted":
                self._line(depth, f"if may_make_tokens({value}): {_GIVEN_UP}")
        elif self._gathers:
            self._line(depth, f"look_at({value})")
        elif depth == 1:
            self._untrusted.append(value)
        else:  # it may not be given; a default was looked at when the content was made
            self._untrusted.append(f"({value} if p{value} else '')")

    def _list(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        self._line(depth, f"if type({value}) is not list: {_GIVEN_UP}")
        if declared.min_items is not None or declared.max_items is not None:
            self._line(depth, f"if count_error({value}, {self._bind(declared)}): {_GIVEN_UP}")
        self._made += 1
        each = f"i{self._made}"
        self._line(depth, f"for {each} in {value}:")
        if declared.item_type == "object":
            self._object(depth + 1, each, declared, variable)
        else:
            self._scalar(depth + 1, each, declared.item_type or "", declared, variable)

    def _object(self, depth: int, value: str, declared: Field, variable: Variable) -> None:
        fields = declared.fields or ()
        self._made += 1
        prefix, present = f"f{self._made}_", []
        self._line(depth, f"if type({value}) is not dict: {_GIVEN_UP}")
        for index, each in enumerate(fields):
            name, key = f"{prefix}{index}", self._bind(each.name)
            if each.optional:
                self._line(depth, f"p{name} = {key} in {value}")
                self._line(depth, f"if p{name}:")
                self._line(depth + 1, f"{name} = {value}[{key}]")
                self._value(depth + 1, name, each, variable)
                present.append(f"p{name}")
            else:
                self._line(depth, f"{name} = {value}[{key}]")
                self._value(depth, name, each, variable)
                present.append("1")
        self._line(depth, f"if len({value}) != {' + '.join(present) or '0'}: {_GIVEN_UP}")

    def _look_at_strings(self) -> None:
        """Look at all untrusted text at once. The blank between keeps a carriage return from meeting another value's line feed."""
        if self._gathers:
            self._line(1, "u = ' '.join(strings)")
        elif len(self._untrusted) == 1:
            self._line(1, f"u = {self._untrusted[0]}")
        elif self._untrusted:
            self._line(1, f"u = ' '.join(({', '.join(self._untrusted)}))")
        else:
            return
        self._line(1, "if u.isascii() and '\\r' not in u:")
        self._line(2, "e = u.encode()")
        self._line(2, f"if e.translate(BAD_ASCII) != e: {_GIVEN_UP}")
        self._line(1, f"elif not is_clean(u): {_GIVEN_UP}")

    def _bound_output(self, names: Mapping[str, tuple[str, Variable]], programs: Sequence[Program]) -> None:
        """Count before anything is joined."""
        length, counts = 0, dict[str, int]()
        for program in programs:
            if program.is_substitution:
                length += program.literal_length
                for node in program.body:
                    if isinstance(node, Output):
                        name, variable = names[node.value.name]  # type: ignore[union-attr]  # it only substitutes
                        if variable.type == "string":
                            counts[name] = counts.get(name, 0) + 1
                        length += 0 if variable.type == "string" else 400
        terms = [f"len({name}) * {count}" if count > 1 else f"len({name})" for name, count in counts.items()]
        if terms:
            self._line(1, f"if {' + '.join([str(length), *terms])} > {_MAX_CHARACTERS}: {_GIVEN_UP}")

    def _message(self, name: str, program: Program, names: Mapping[str, tuple[str, Variable]]) -> str:
        if program.is_substitution and all(names[each][1].type not in ("list", "object") for each in program.names):
            self._line(1, f"{name} = {self._substitution(program, names)}")
            return name
        run = self._bind(program.run)
        arguments = "".join(f"{names[each][0]}, " for each in program.names)
        self._line(1, "said = []")
        self._line(1, f"try: {run}({arguments}Fuel(), said.append, nothing)")
        self._line(1, f"except (RenderFault, TooMuchWork, TooMuchOutput): {_GIVEN_UP}")
        self._line(1, f"if sum(map(len, said)) > {_MAX_CHARACTERS}: {_GIVEN_UP}")
        self._line(1, f"{name} = ''.join(said)")
        return name

    def _substitution(self, program: Program, names: Mapping[str, tuple[str, Variable]]) -> str:
        pieces = []
        for node in program.body:
            if isinstance(node, Text):
                pieces.append(self._bind(node.text))
            elif isinstance(node, Output):
                value, variable = names[node.value.name]  # type: ignore[union-attr]  # it only substitutes
                pieces.append(_written(value, variable))
        if len(pieces) == 1:
            return pieces[0]
        return f"''.join(({', '.join(pieces)}))" if pieces else "''"

    def _refuse_tokens(self, made: Sequence[str], programs: Sequence[Program]) -> None:
        """Where a value, or the text behind one, has what a chat control token ends with, look at the whole."""
        looks = [f"has_token({each})" for each in made]
        whole = f"if {' or '.join(looks)}: {_GIVEN_UP}"
        if any(may_complete_token(text) for program in programs for text in texts(program.body)):
            self._line(1, whole)
        elif self._gathers or self._untrusted:
            self._line(1, "if '>' in u or ']' in u:")
            self._line(2, whole)


def _written(value: str, variable: Variable) -> str:
    if variable.type == "string":
        return value if variable.default is not msgspec.UNSET or variable.required else f"({value} or '')"
    if variable.type == "boolean" and variable.required:
        return f"('true' if {value} else 'false')"
    return f"('' if {value} is NOTHING else text_of({value}))"


def _nothing() -> None:
    """Take note of no piece: the short way never looks at pieces."""


_BOUND: Mapping[str, Any] = {
    "NOTHING": NOTHING,
    "BAD_ASCII": BAD_ASCII,
    "Fuel": Fuel,
    "RenderFault": RenderFault,
    "TooMuchOutput": TooMuchOutput,
    "TooMuchWork": TooMuchWork,
    "bounds_error": bounds_error,
    "count_error": count_error,
    "has_token": has_token,
    "is_clean": is_clean,
    "is_encodable": is_encodable,
    "may_make_tokens": may_make_tokens,
    "nothing": _nothing,
    "text_of": text_of,
    "type_error": type_error,
}
