"""Templates with logic in the short way: loops are said while their lists are looked at, and plain templates are one expression.

A loop is plain when what it will make can be bounded before it begins: it goes over a declared list, no loop stands around it,
and in its body are texts, conditions, and values as they stand or in another case. A template is plain when nothing else is in
it. Every other one is written as the long way writes it, plain loops aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from promptops.api.http import MAX_OUTPUT_BYTES
from promptops.rendering.execute.functions import function
from promptops.rendering.execute.generate import BOUND, TemplateWriter, is_string, weight_of_round
from promptops.rendering.execute.values import CHARACTERS_IN_A_STEP
from promptops.rendering.syntax.tree import (
    Attribute,
    Body,
    Expression,
    Filter,
    For,
    If,
    Name,
    Node,
    Output,
    Text,
)

MAX_CHARACTERS = MAX_OUTPUT_BYTES // 4
"""So many characters are within the limit of bytes, whatever they are."""
SCALAR_CHARACTERS = 400
"""No number and no boolean is written with more."""
_SCALARS = frozenset({"integer", "number", "boolean"})
_CASES = frozenset({"upper", "lower"})
_LETTERS_OF_ONE = 3
"""A letter becomes at most so many when its case changes."""
_MAX_NESTED = 8
_MAX_REPEATED = 16
"""So often all rounds together may say an item before they are counted: what is held meanwhile is a few times what the caller holds."""


@dataclass
class Bound:
    """How much a body makes: so many characters, what these expressions count, and all characters of all given strings so often."""

    target: str = ""
    """The item of the loop."""
    characters: int = 0
    counted: list[str] = field(default_factory=list)
    strings: int = 0
    cases: int = 0
    """Changes of case in a round."""


@dataclass(frozen=True)
class PlainLoop:
    """What a loop says, as an expression of one item whose fields were looked at."""

    number: int
    items: str
    """The list."""
    said: str
    """Where the rounds are gathered."""
    round: str
    bound: Bound
    weight: int

    @property
    def each_round(self) -> str:
        """How many characters a round makes beside those of its item."""
        return " + ".join((str(self.bound.characters), *self.bound.counted))

    @property
    def is_counted(self) -> bool:
        """Whether its rounds are counted."""
        return any(mark in self.round for mark in (f"k{self.number} ", f"k{self.number})", f"n{self.number}"))

    def steps(self, total: str) -> str:
        """Return how much it has to do at most, when all given strings have `total` characters together."""
        many = f"len({self.items}) * {self.weight + self.bound.cases}"
        return f"{many} + ({total}) // {CHARACTERS_IN_A_STEP} * {self.bound.cases}" if self.bound.cases else many


@dataclass
class LogicWriter(TemplateWriter):
    """Writes one template of a content whose variables are bound to `names`."""

    index: int = 0
    """The place of the template among those of the content."""
    lists: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    """Lists that have no default → the fields of their items in order, and whether each may be absent."""
    given: frozenset[str] = frozenset()
    """Variables whose strings are all given."""
    plain: dict[int, PlainLoop] = field(default_factory=dict)
    """Loops by their offset."""
    _fields: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _looks_elsewhere: bool = False
    """Whether the round that is being written reads a list, which may not have been looked at yet."""

    def __post_init__(self) -> None:
        self._made = self.index * 1000

    def run(self, body: Body) -> Callable[..., None]:
        """Return `run(values…, rounds…, fuel, say)`. Its arguments are `arguments`."""
        head = len(self.lines)
        self.line(0, 0, "")
        self.line(1, 0, "pass")
        self.body(body, 1)
        self.lines[head] = f"def run({self.arguments}fuel, say):"
        source = "\n".join(self.lines) + "\n"
        return function(source, "run", {**BOUND, "free": lambda: None, **self.constants})

    @property
    def arguments(self) -> str:
        """What the function takes before fuel."""
        said = (loop.said for loop in self.plain.values())
        return "".join(f"{each}, " for each in (*self.names.values(), *said))

    def whole(self, body: Body) -> tuple[str, Bound] | None:
        """Return a plain template as one expression, and what it makes; None when it is not plain."""
        bound = Bound()
        return (self._joined(body), bound) if self._adds_up(body, bound, 0) else None

    def _for(self, node: For, depth: int) -> None:
        loop = None if self.loops else self._plain_loop(node)
        if loop is None:
            super()._for(node, depth)
            return
        self.line(depth, node.offset, f"say({loop.said})")
        if node.otherwise:
            self.line(depth, node.offset, f"if not {loop.items}:")
            self.body(node.otherwise, depth + 1)

    def _plain_loop(self, node: For) -> PlainLoop | None:
        if node.offset in self.plain:
            return self.plain[node.offset]
        if not isinstance(node.iterable, Name) or node.iterable.name not in self.lists:
            return None
        self._made += 1
        number, items, bound = self._made, self.names[node.iterable.name], Bound(node.target)
        outer = self.names.get(node.target)
        self.names[node.target] = each = f"i{items}"
        fields = enumerate(self.lists[node.iterable.name].items())
        self._fields[node.target] = {
            key: f"({each}_{index} if p{each}_{index} else NOTHING)" if may_be_absent else f"{each}_{index}"
            for index, (key, may_be_absent) in fields
        }
        self.loops.append(number)
        self._looks_elsewhere = False
        said = self._joined(node.body) if self._adds_up(node.body, bound, 0) else ""
        loop = PlainLoop(number, items, f"r{number}", said, bound, 1 + weight_of_round(node.body) // 4)
        self.loops.pop()
        del self._fields[node.target], self.names[node.target]
        if outer is not None:
            self.names[node.target] = outer
        if not said or self._looks_elsewhere or f"s{number}[" in said or bound.strings > _MAX_REPEATED:
            return None
        self.plain[node.offset] = loop
        return loop

    def _adds_up(self, body: Body, bound: Bound, depth: int) -> bool:
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
                    loop = None if self.loops else self._plain_loop(node)
                    if loop is None or not self._adds_up(node.otherwise, bound, depth + 1):
                        return False
                    bound.counted.append(f"len({loop.said})")
                case _:
                    return False
        return True

    def _output_adds_up(self, node: Output, bound: Bound) -> bool:
        kind, value = self.scope.shapes[node.offset].type, node.value
        if kind in _SCALARS and isinstance(value, Name | Attribute):
            bound.characters += SCALAR_CHARACTERS
        elif isinstance(value, Filter) and value.name in _CASES and self._is_text_of_one(value.of, bound):
            bound.cases += 1
            bound.strings += _LETTERS_OF_ONE
        elif kind == "string" and (_root(value) == bound.target != "" or _is_field_of(value, self.given)):
            bound.strings += 1
        elif kind == "string" and isinstance(value, Name):
            bound.counted.append(f"len({self.expression(value)})")
        else:
            return False
        return True

    def _is_text_of_one(self, value: Expression, bound: Bound) -> bool:
        """Whether it is a string of an item, or outside of loops a variable, that is there in any case."""
        if isinstance(value, Name):
            return not bound.target and value.name in self.given and is_string(self.scope.declared[value.name])
        if not isinstance(value, Attribute) or not bound.target or _root(value) != bound.target:
            return False
        of = self.scope.shape_at(value)
        return of is not None and of.fields is not None and not of.may_be_absent and is_string(of.fields[value.key])

    def expression(self, expression: Expression) -> str:
        """Return the Python expression of one, and note when a round reads a list."""
        if self.loops and isinstance(expression, Name) and expression.name in self.lists:
            self._looks_elsewhere = self._looks_elsewhere or expression.name not in self._fields
        return super().expression(expression)

    def _attribute(self, expression: Attribute) -> str:
        if isinstance(expression.of, Name) and expression.of.name in self._fields:
            return self._fields[expression.of.name][expression.key]
        return super()._attribute(expression)

    def _joined(self, body: Body) -> str:
        """Return the Python expression of the text of a body."""
        pieces = [piece for node in body for piece in self._pieces(node)] or [self.constant("")]
        if len(pieces) == 1:
            return pieces[0]
        if any('"' in piece for piece in pieces):  # a formatted string cannot stand in another of the same quotes
            return f"glue(({', '.join(pieces)}))"
        return f'f"{"".join(f"{{{piece}}}" for piece in pieces)}"'

    def _pieces(self, node: Node) -> Iterator[str]:
        match node:
            case Text(text):
                yield self.constant(text)
            case Output(Filter(of, name)):
                yield f"{self.expression(of)}.{name}()"
            case Output():
                yield self.written(node)
            case If(branches, otherwise):
                chosen = self._joined(otherwise)
                for condition, body in reversed(branches):
                    chosen = f"({self._joined(body)} if {self.expression(condition)} else {chosen})"
                yield chosen
            case For(otherwise=otherwise):
                loop = self.plain[node.offset]
                yield loop.said
                if otherwise:
                    yield f"({self.constant('')} if {loop.items} else {self._joined(otherwise)})"

    def constant(self, value: object) -> str:
        """Return the name that a value is bound to; no other template of the content has it."""
        name = f"c{self.index}_{len(self.constants)}"
        self.constants[name] = value
        return name


def _root(value: Expression) -> str:
    while isinstance(value, Attribute):
        value = value.of
    return value.name if isinstance(value, Name) else ""


def _is_field_of(value: Expression, given: frozenset[str]) -> bool:
    """Whether it is a field of an object that a caller gave, whatever it is called inside of a loop."""
    return isinstance(value, Attribute) and _root(value) in given
