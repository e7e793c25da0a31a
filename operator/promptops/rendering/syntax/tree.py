"""What a template says, as a tree. Every node knows the offset at which it stands in the template.

Nodes
├── Text                 rendered as it stands
├── Output               {{ expression }}
├── If                   {% if %} … {% elif %} … {% else %} … {% endif %}
├── For                  {% for target in iterable %} … {% else %} … {% endfor %}
└── Inclusion            {% include "alias" %}; gone before anything is rendered
Expressions
├── Constant Name List
├── Attribute Item       of.key, of["key"], of[0]
├── Filter Test          of|name(…), of is name(…)
├── Not And Or Compare
└── Conditional          then if condition else otherwise
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Scalar = str | int | float | bool | None


class Constant(NamedTuple):
    """A literal value."""

    value: Scalar
    offset: int


class Name(NamedTuple):
    """A variable, or the target of a loop."""

    name: str
    offset: int


class List(NamedTuple):
    """A list written in the template."""

    items: tuple[Expression, ...]
    offset: int


class Attribute(NamedTuple):
    """A field of an object."""

    of: Expression
    key: str
    offset: int


class Item(NamedTuple):
    """An item of a list by its place, negative from the end."""

    of: Expression
    place: int
    offset: int


class Filter(NamedTuple):
    """A value through a filter."""

    of: Expression
    name: str
    arguments: tuple[Expression, ...]
    offset: int


class Test(NamedTuple):
    """Whether a value is something."""

    of: Expression
    name: str
    arguments: tuple[Expression, ...]
    offset: int


class Not(NamedTuple):
    """The opposite of a condition."""

    of: Expression
    offset: int


class And(NamedTuple):
    """The first false value, else the last."""

    parts: tuple[Expression, ...]
    offset: int


class Or(NamedTuple):
    """The first true value, else the last."""

    parts: tuple[Expression, ...]
    offset: int


class Compare(NamedTuple):
    """A chain of comparisons: a < b < c holds when both do."""

    first: Expression
    others: tuple[tuple[str, Expression], ...]
    offset: int


class Conditional(NamedTuple):
    """One of two values; without `otherwise` nothing."""

    then: Expression
    condition: Expression
    otherwise: Expression | None
    offset: int


Expression = Constant | Name | List | Attribute | Item | Filter | Test | Not | And | Or | Compare | Conditional


class Text(NamedTuple):
    """Text that is rendered as it stands."""

    text: str


class Output(NamedTuple):
    """A place where a value is rendered."""

    value: Expression
    offset: int


class If(NamedTuple):
    """The body of the first condition that holds."""

    branches: tuple[tuple[Expression, Body], ...]
    otherwise: Body
    offset: int


class For(NamedTuple):
    """The body for every item of a list, or `otherwise` when there is none."""

    target: str
    iterable: Expression
    body: Body
    otherwise: Body
    offset: int


class Inclusion(NamedTuple):
    """The place of the text of another version. It is put there before anything is rendered (see `expansion`)."""

    alias: str
    offset: int


Node = Text | Output | If | For | Inclusion
Body = tuple[Node, ...]


def children(expression: Expression) -> tuple[Expression, ...]:
    """Return the expressions that stand directly in one, in their order."""
    match expression:
        case Constant() | Name():
            return ()
        case List(items=parts) | And(parts=parts) | Or(parts=parts):
            return parts
        case Filter(of, _, arguments) | Test(of, _, arguments):
            return (of, *arguments)
        case Compare(first, others):
            return (first, *(other for _, other in others))
        case Conditional(then, condition, otherwise):
            return (condition, then) if otherwise is None else (condition, then, otherwise)
    return (expression.of,)


def is_substitution(body: Body) -> bool:
    """Whether a template only puts variables in their places."""
    return all(isinstance(node, Text) or (isinstance(node, Output) and isinstance(node.value, Name)) for node in body)


def texts(body: Body) -> Iterator[str]:
    """Yield every text of the template, in order."""
    for node in body:
        match node:
            case Text(text):
                yield text
            case If(branches, otherwise):
                for _, branch in branches:
                    yield from texts(branch)
                yield from texts(otherwise)
            case For(_, _, inner, otherwise):
                yield from texts(inner)
                yield from texts(otherwise)
            case Output() | Inclusion():
                pass


def constants(body: Body) -> Iterator[Any]:
    """Yield every constant that stands in an expression of the template."""
    for node in body:
        match node:
            case Output(value):
                yield from _constants_in(value)
            case If(branches, otherwise):
                for condition, branch in branches:
                    yield from _constants_in(condition)
                    yield from constants(branch)
                yield from constants(otherwise)
            case For(_, iterable, inner, otherwise):
                yield from _constants_in(iterable)
                yield from constants(inner)
                yield from constants(otherwise)
            case Text():
                pass


def _constants_in(expression: Expression) -> Iterator[Any]:
    if isinstance(expression, Constant):
        yield expression.value
    for each in children(expression):
        yield from _constants_in(each)
