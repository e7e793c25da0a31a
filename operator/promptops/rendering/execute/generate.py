"""A tree as the source of one Python function. No character of the author's stands in it: text and constants are bound by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptops.rendering.execute import values
from promptops.rendering.execute.comparisons import COMPARISONS, MAX_UNPAID, TESTS
from promptops.rendering.execute.filters import FILTERS
from promptops.rendering.syntax.scope import Scope, Shape
from promptops.rendering.syntax.tree import (
    And,
    Attribute,
    Body,
    Compare,
    Conditional,
    Constant,
    Expression,
    Filter,
    For,
    If,
    Item,
    List,
    Name,
    Not,
    Or,
    Output,
    Test,
    Text,
    children,
)

_LOOP_FIELDS = {
    "index": "({k} + 1)", "index0": "({k} + 0)", "first": "({k} == 0)", "last": "({k} + 1 == {n})", "length": "{n}",
    "revindex": "({n} - {k})", "revindex0": "({n} - {k} - 1)",
    "previtem": "({s}[{k} - 1] if {k} else NOTHING)", "nextitem": "({s}[{k} + 1] if {k} + 1 < {n} else NOTHING)",
}  # fmt: skip
_COMPARISON_NAMES = {sign: f"compare_{index}" for index, sign in enumerate(COMPARISONS)}
BOUND: Mapping[str, Any] = {
    "NOTHING": values.NOTHING,
    "Absent": values.Absent,
    "text": values.text,
    "items": values.items,
    "field": values.field,
    "optional_field": values.optional_field,
    "item": values.item,
    **{name: COMPARISONS[sign] for sign, name in _COMPARISON_NAMES.items()},
    **{f"test_{name}": test for name, test in TESTS.items()},
    **{f"filter_{name}": made for name, made in FILTERS.items()},
}


@dataclass
class Generated:
    """The source of `run(variables…, fuel, say, free)`, what its names stand for, and where its lines come from."""

    source: str
    bound: dict[str, Any]
    offsets: list[int]
    """For every line of the source the offset in the template."""
    literals: frozenset[int]
    """The identities of the author's texts."""


def generate(body: Body, scope: Scope, names: tuple[str, ...]) -> Generated:
    """Return the function that says a template's pieces, given the values of `names` in that order."""
    writer = TemplateWriter(scope, {name: f"v{index}" for index, name in enumerate(names)})
    writer.line(0, 0, f"def run({''.join(f'v{index}, ' for index in range(len(names)))}fuel, say, free):")
    writer.line(1, 0, "pass")
    writer.body(body, 1)
    return Generated(
        "\n".join(writer.lines) + "\n", dict(BOUND) | writer.constants, writer.offsets, frozenset(writer.literals)
    )


@dataclass
class TemplateWriter:
    """Writes the source line by line."""

    scope: Scope
    names: dict[str, str]
    lines: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    literals: set[int] = field(default_factory=set)
    loops: list[int] = field(default_factory=list)
    """The numbers of the loops that are being written, the innermost last."""
    _made: int = 0

    def line(self, depth: int, offset: int, text: str) -> None:
        self.lines.append(" " * depth + text)
        self.offsets.append(offset)

    def body(self, body: Body, depth: int) -> None:
        for node in body:
            match node:
                case Text(text):
                    self.literals.add(id(text))
                    self.line(depth, 0, f"say({self.constant(text)})")
                case Output():
                    self._output(node, depth)
                case If():
                    self._if(node, depth)
                case For():
                    self._for(node, depth)

    def _output(self, node: Output, depth: int) -> None:
        shape = self.scope.shapes[node.offset]
        # What constants put together nobody looked at when the template was admitted.
        if shape.is_trusted and not shape.is_constant:
            self.line(depth, node.offset, "free()")
        self.line(depth, node.offset, f"say({self.written(node)})")

    def written(self, node: Output) -> str:
        """Return the Python expression of the text that stands in an output's place."""
        value = self.expression(node.value)
        return value if is_string(self.scope.shapes[node.offset]) else f"text({value}, fuel)"

    def _if(self, node: If, depth: int) -> None:
        word = "if"
        for condition, inner in node.branches:
            self.line(depth, node.offset, f"{word} {self.expression(condition)}:")
            self.line(depth + 1, node.offset, "pass")
            self.body(inner, depth + 1)
            word = "elif"
        if node.otherwise:
            self.line(depth, node.offset, "else:")
            self.body(node.otherwise, depth + 1)

    def _for(self, node: For, depth: int) -> None:
        self._made += 1
        number, outer = self._made, self.names.get(node.target)
        iterable = self.expression(node.iterable)
        self.line(depth, node.offset, f"s{number} = items({iterable}, fuel, {1 + weight_of_round(node.body) // 4})")
        self.line(depth, node.offset, f"n{number} = len(s{number})")
        self.loops.append(number)
        self.names[node.target] = f"x{number}"
        self.rounds(node, depth, number)
        self.loops.pop()
        del self.names[node.target]
        if outer is not None:
            self.names[node.target] = outer
        if node.otherwise:
            self.line(depth, node.offset, f"if not n{number}:")
            self.body(node.otherwise, depth + 1)

    def rounds(self, node: For, depth: int, number: int) -> None:
        """Write the rounds of the loop of that number, whose list is there."""
        head = len(self.lines)
        self.line(depth, node.offset, "")
        self.line(depth + 1, node.offset, "pass")
        self.body(node.body, depth + 1)
        self.lines[head] = f"{' ' * depth}for {self.each(number, self.lines[head:])}:"

    def each(self, number: int, lines: Sequence[str]) -> str:
        """Return what stands after the `for` of a loop: rounds are counted where a line needs the count."""
        counts = any(f"k{number} " in line or f"k{number})" in line for line in lines)
        return f"k{number}, x{number} in enumerate(s{number})" if counts else f"x{number} in s{number}"

    def expression(self, expression: Expression) -> str:
        """Return the Python expression of one; nested as deep as the tree, which the parser bounds."""
        match expression:
            case Constant(value):
                return self.constant(value)
            case Name(name):
                return self.names[name]
            case List(parts):
                return f"[{', '.join(map(self.expression, parts))}]"
            case Attribute():
                return self._attribute(expression)
            case Item(of, index):
                return f"item({self.expression(of)}, {index}, {self.constant(path_of(expression))})"
            case Filter(of, name, arguments):
                return f"filter_{name}({', '.join([self.expression(of), 'fuel', *map(self.expression, arguments)])})"
            case Test(of, name, arguments):
                return f"test_{name}({', '.join([self.expression(of), 'fuel', *map(self.expression, arguments)])})"
            case Not(of):
                return f"(not {self.expression(of)})"
            case And(parts):
                return f"({' and '.join(map(self.expression, parts))})"
            case Or(parts):
                return f"({' or '.join(map(self.expression, parts))})"
            case Conditional(then, condition, otherwise):
                other = "NOTHING" if otherwise is None else self.expression(otherwise)
                return f"({self.expression(then)} if {self.expression(condition)} else {other})"
            case Compare():
                return self._comparison(expression)

    def _attribute(self, expression: Attribute) -> str:
        key = expression.key
        if expression.of == Name("loop", expression.of.offset) and self.loops:
            number = self.loops[-1]
            return _LOOP_FIELDS[key].format(k=f"k{number}", n=f"n{number}", s=f"s{number}")
        of = self.scope.shape_at(expression)
        value, name = self.expression(expression.of), self.constant(key)
        if of is None or of.fields is None:
            return f"field({value}, {name}, {self.constant(path_of(expression))})"
        if of.may_be_absent:
            return f"optional_field({value}, {name}, {self.constant(path_of(expression))})"
        # It is an object that was checked against its declaration.
        return f"{value}.get({name}, NOTHING)" if of.fields[key].may_be_absent else f"{value}[{name}]"

    def _comparison(self, expression: Compare) -> str:
        if len(expression.others) == 1 and _is_cheap(expression):
            ((sign, other),) = expression.others
            return f"({self.expression(expression.first)} {sign} {self.expression(other)})"
        left, parts = self.expression(expression.first), []
        for index, (sign, other) in enumerate(expression.others):
            right = self.expression(other)
            if index + 1 < len(expression.others):
                self._made += 1
                right, kept = f"(t{self._made} := {right})", f"t{self._made}"
            else:
                kept = right
            parts.append(f"{_COMPARISON_NAMES[sign]}({left}, {right}, fuel)")
            left = kept
        return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"

    def constant(self, value: Any) -> str:
        """Return the name that a value is bound to."""
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name


def is_string(shape: Shape) -> bool:
    """Whether a value of the shape is a string in any case."""
    return shape.type == "string" and not shape.may_be_absent


def path_of(expression: Expression) -> str:
    """Return what an author wrote to read a field, as in order.items[0].name."""
    match expression:
        case Name(name):
            return name
        case Attribute(of, key):
            return f"{path_of(of)}.{key}"
        case Item(of, index):
            return f"{path_of(of)}[{index}]"
    return "…"


def _is_cheap(expression: Compare) -> bool:
    """Whether it asks for equality with a short constant, which costs nothing whatever the other side is."""
    ((sign, other),) = expression.others
    if sign not in ("==", "!="):
        return False
    constants = (each.value for each in (expression.first, other) if isinstance(each, Constant))
    return any(not isinstance(value, str) or len(value) <= MAX_UNPAID for value in constants)


def weight_of_round(body: Body) -> int:
    """Return how many things one round of a loop does at most."""
    total = 0
    for node in body:
        total += 1
        match node:
            case Output(value):
                total += _size(value)
            case If(branches, otherwise):
                total += sum(
                    _size(condition) + weight_of_round(inner) for condition, inner in branches
                ) + weight_of_round(otherwise)
            case For(_, iterable, _, otherwise):
                total += _size(iterable) + weight_of_round(otherwise)
    return total


def _size(expression: Expression) -> int:
    return 1 + sum(map(_size, children(expression)))


Run = Callable[..., None]
