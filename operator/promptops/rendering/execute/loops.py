"""The short way through a template with logic: all rounds of a plain loop are one piece.

A loop is plain when what it will make can be bounded before it begins: it goes over a declared list, and in its body are texts,
conditions, and values as they stand or in another case. If the bound is above the limit it gives up, before anything is joined.
Every other loop is written as the long way writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from promptops.api.http import MAX_OUTPUT_BYTES
from promptops.rendering.execute.generate import BOUND, TemplateWriter, is_string
from promptops.rendering.execute.program import Program
from promptops.rendering.execute.values import CHARACTERS_IN_A_STEP
from promptops.rendering.syntax.tree import Attribute, Body, Expression, Filter, For, If, Name, Node, Output, Text

MAX_CHARACTERS = MAX_OUTPUT_BYTES // 4
"""So many characters are within the limit of bytes, whatever they are."""
SCALAR_CHARACTERS = 400
"""No number and no boolean is written with more."""
_SCALARS = frozenset({"integer", "number", "boolean"})
_CASES = frozenset({"upper", "lower"})
_LETTERS_OF_ONE = 3
"""A letter becomes at most so many when its case changes."""
_MAX_NESTED = 8


class GiveUp(Exception):
    """The long way has to look."""


def quick_run(program: Program, lists: frozenset[str]) -> Callable[..., None]:
    """Return `run(values…, fuel, say, total)`: `total` is how many characters all given strings have together.

    `lists` names the variables whose items are all given. It raises GiveUp, and what the long way raises.
    """
    writer = _Writer(program.scope, {name: f"v{index}" for index, name in enumerate(program.names)}, lists=lists)
    writer.line(0, 0, f"def run({''.join(f'v{index}, ' for index in range(len(program.names)))}fuel, say, total):")
    writer.line(1, 0, "pass")
    writer.body(program.body, 1)
    namespace = {**BOUND, "GiveUp": GiveUp, "glue": "".join, "free": lambda: None, **writer.constants}
    source = "\n".join(writer.lines) + "\n"
    exec(compile(source, "<quick>", "exec"), namespace)  # noqa: S102  # our own source: it holds nothing an author wrote
    made: Callable[..., None] = namespace["run"]
    return made


@dataclass
class _Bound:
    """How much the rounds of a loop make: so many characters in each, and all characters of all items so often."""

    target: str
    characters: int = 0
    values: list[str] = field(default_factory=list)
    """What stands in each round and is no part of an item."""
    items: int = 0
    cases: int = 0
    """Changes of case in a round."""


@dataclass
class _Writer(TemplateWriter):
    lists: frozenset[str] = frozenset()

    def rounds(self, node: For, depth: int, number: int) -> None:
        """Write a plain loop as one piece."""
        bound = _Bound(node.target)
        is_declared = isinstance(node.iterable, Name) and node.iterable.name in self.lists
        if len(self.loops) > 1 or not is_declared or not self._adds_up(node.body, bound, 0):
            super().rounds(node, depth, number)
            return
        each = " + ".join((str(bound.characters), *(f"len({name})" for name in bound.values)))
        self.line(
            depth, node.offset, f"if n{number} * ({each}) + total * {bound.items} > {MAX_CHARACTERS}: raise GiveUp"
        )
        if bound.cases:
            self.line(depth, node.offset, f"fuel.spend((n{number} + total // {CHARACTERS_IN_A_STEP}) * {bound.cases})")
        said = self._joined(node.body)
        self.line(depth, node.offset, f"say(glue([{said} for {self.each(number, (said,))}]))")

    def _adds_up(self, body: Body, bound: _Bound, depth: int) -> bool:
        for node in body:
            match node:
                case Text(text):
                    bound.characters += len(text)
                case Output():
                    if not self._output_adds_up(node, bound):
                        return False
                case If(branches, otherwise):
                    inner = (*(branch for _, branch in branches), otherwise)
                    if depth == _MAX_NESTED or not all(self._adds_up(each, bound, depth + 1) for each in inner):
                        return False
                case For():
                    return False
        return True

    def _output_adds_up(self, node: Output, bound: _Bound) -> bool:
        kind, value = self.scope.shapes[node.offset].type, node.value
        if kind in _SCALARS and isinstance(value, Name | Attribute):
            bound.characters += SCALAR_CHARACTERS
        elif isinstance(value, Filter) and value.name in _CASES and self._is_text_of_item(value.of, bound):
            bound.cases += 1
            bound.items += _LETTERS_OF_ONE
        elif kind == "string" and _is_of_item(value, bound.target):
            bound.items += 1
        elif kind == "string" and isinstance(value, Name):
            bound.values.append(self.expression(value))
        else:
            return False
        return True

    def _is_text_of_item(self, value: Expression, bound: _Bound) -> bool:
        """Whether it is a string of an item in any case."""
        if not isinstance(value, Attribute) or not _is_of_item(value, bound.target):
            return False
        of = self.scope.shape_at(value)
        return of is not None and of.fields is not None and not of.may_be_absent and is_string(of.fields[value.key])

    def _joined(self, body: Body) -> str:
        """Return the Python expression of the text of a body."""
        pieces = [self._piece(node) for node in body] or [self.constant("")]
        if len(pieces) == 1:
            return pieces[0]
        if any('"' in piece for piece in pieces):  # a formatted string cannot stand in another of the same quotes
            return f"glue(({', '.join(pieces)}))"
        return f'f"{"".join(f"{{{piece}}}" for piece in pieces)}"'

    def _piece(self, node: Node) -> str:
        match node:
            case Text(text):
                return self.constant(text)
            case Output(Filter(of, name)):
                return f"{self.expression(of)}.{name}()"
            case Output():
                return self.written(node)
            case If(branches, otherwise):
                chosen = self._joined(otherwise)
                for condition, body in reversed(branches):
                    chosen = f"({self._joined(body)} if {self.expression(condition)} else {chosen})"
                return chosen
        raise GiveUp  # a loop in a loop does not add up


def _is_of_item(value: Expression, target: str) -> bool:
    while isinstance(value, Attribute):
        value = value.of
    return isinstance(value, Name) and value.name == target
