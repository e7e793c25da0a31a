"""Which variables a template reads, and whether its declarations bear it: names, fields, lists. Nothing is executed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from promptops.api import reasons
from promptops.api.content import Field, Variable
from promptops.rendering.names import is_variable_name, shown
from promptops.rendering.syntax.cures import FOREIGN_LOOP_FIELDS, FOREIGN_NAMES, PAIRS, REFUSED_FIELDS
from promptops.rendering.syntax.faults import TemplateFault
from promptops.rendering.syntax.refusals import advice
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
    Inclusion,
    Item,
    List,
    Name,
    Not,
    Or,
    Output,
    Test,
    children,
)
from promptops.rendering.syntax.vocabulary import FIELD, FILTERS, LOOP_FIELDS

ARTICLES = {
    "string": "a string", "integer": "an integer", "number": "a number", "boolean": "a boolean", "list": "a list",
    "object": "an object", "message": "a message", "any": "a value",
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What is known of a value before it is there."""

    type: str = "any"
    item: Shape | None = None
    fields: Mapping[str, Shape] | None = None
    """The fields an object has; None when it may have any."""
    may_be_absent: bool = False
    is_trusted: bool = False
    """Whether no caller has a say in it."""
    is_constant: bool = False
    """Whether it is made of nothing but what the template says."""


ANY = Shape()
_BOOLEAN = Shape("boolean", is_trusted=True)
_INTEGER = Shape("integer", is_trusted=True)
_LOOP = Shape("loop")
_LOOP_SHAPES = {name: _BOOLEAN if name in ("first", "last") else _INTEGER for name in LOOP_FIELDS}
_TO_STRING = frozenset(
    {"upper", "lower", "title", "capitalize", "trim", "join", "replace", "tojson", "truncate", "indent", "fenced"}
)
_MESSAGE = Shape("object", fields={"role": Shape("string"), "content": Shape("string")})


def shape_of(declared: Field) -> Shape:
    """Return the shape of a declared value."""
    trusted = isinstance(declared, Variable) and declared.trust == "trusted"
    absent = declared.optional and not (isinstance(declared, Variable) and declared.default is not msgspec.UNSET)
    shape = Shape(declared.type, may_be_absent=absent, is_trusted=trusted)
    fields = (
        None if declared.fields is None else {each.name: _inherit(shape_of(each), trusted) for each in declared.fields}
    )
    if declared.type == "object":
        return replace(shape, fields=fields)
    if declared.type != "list" or declared.item_type is None:
        return shape
    if declared.item_type == "message":
        return replace(shape, item=_inherit(_MESSAGE, trusted))
    return replace(shape, item=Shape(declared.item_type, fields=fields, is_trusted=trusted))


def _inherit(shape: Shape, trusted: bool) -> Shape:
    return replace(shape, is_trusted=trusted)


class Taken(NamedTuple):
    """A place where a template takes another version in."""

    alias: str
    offset: int
    items: frozenset[str]
    """The targets of the loops around it."""


@dataclass
class Scope:
    """Walks a template. What is wrong is collected, so that an author mends it together."""

    declared: Mapping[str, Shape]
    faults: list[TemplateFault] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    """The variables that are read, with the offset of their first use."""
    shapes: dict[int, Shape] = field(default_factory=dict)
    """The shape of every output, by its offset."""
    aliases: Collection[str] = ()
    """What may be included; nothing of what is rendered."""
    includes: list[Taken] = field(default_factory=list)
    _objects: dict[int, Shape] = field(default_factory=dict)
    _locals: list[tuple[str, Shape]] = field(default_factory=list)

    @classmethod
    def of(cls, body: Body, variables: Iterable[Variable], aliases: Collection[str] = ()) -> Scope:
        """Look at a whole template."""
        scope = cls({each.name: shape_of(each) for each in variables}, aliases=aliases)
        scope._body(body)
        return scope

    def shape_at(self, attribute: Attribute) -> Shape | None:
        """Return the shape of the object whose field is read here; None when nothing is known of it."""
        return self._objects.get(attribute.offset)

    def _body(self, body: Body) -> None:
        for node in body:
            match node:
                case Output(value, offset):
                    self.shapes[offset] = self._printed(self.see(value), offset)
                case If(branches, otherwise):
                    for condition, inner in branches:
                        self.see(condition)
                        self._body(inner)
                    self._body(otherwise)
                case For():
                    self._loop(node)
                case Inclusion(alias, offset):
                    self._include(alias, offset)

    def _loop(self, loop: For) -> None:
        shape = self.see(loop.iterable)
        if shape.type not in ("list", "any"):
            cure = PAIRS if shape.type == "object" else "declare it with type: list"
            self._fault(loop.offset, f"a loop needs a list; this is {ARTICLES.get(shape.type, 'no list')}: {cure}")
        item = shape.item or replace(ANY, is_trusted=shape.is_trusted, is_constant=shape.is_constant)
        self._locals += [("loop", _LOOP), (loop.target, item)]
        self._body(loop.body)
        del self._locals[-2:]
        self._body(loop.otherwise)

    def _include(self, alias: str, offset: int) -> None:
        if alias in self.aliases:
            items = frozenset(local for local, shape in self._locals if shape is not _LOOP)
            self.includes.append(Taken(alias, offset, items))
            return
        what = f"there is no include {shown(alias)}{advice(alias, self.aliases)}"
        self._fault(offset, f"{what}: name its prompt and version under includes")

    def _printed(self, shape: Shape, offset: int) -> Shape:
        if shape is _LOOP:
            self._fault(offset, "loop itself cannot be rendered: write loop.index or another of its fields")
        return shape

    def see(self, expression: Expression) -> Shape:
        """Return the shape of an expression, and note what is wrong in it."""
        match expression:
            case Name(name, offset):
                return self._name(name, offset)
            case Constant(value):
                return Shape(_constant_type(value), is_trusted=True, is_constant=True)
            case Attribute(Name(name, place), key, offset):
                return self._attribute(self._name(name, place, has_field=True), key, offset)
            case Attribute(of, key, offset):
                return self._attribute(self.see(of), key, offset)
            case Item(of, _, offset):
                return self._item(self.see(of), offset)
            case Filter(of, name, arguments):
                before = self.see(of)
                self._field_of_items(before.item or ANY, name, arguments)
                given = tuple(map(self.see, arguments))
                is_constant = before.is_constant and all(each.is_constant for each in given)
                return replace(self._filter(before, name, given), is_constant=is_constant)
        seen = tuple(map(self.see, children(expression)))
        return _combined(expression, seen)

    def _name(self, name: str, offset: int, *, has_field: bool = False) -> Shape:
        for local, shape in reversed(self._locals):
            if local == name:
                return shape
        if name == "loop":
            self._fault(offset, "loop is known only inside a loop")
            return ANY
        self.used.setdefault(name, offset)
        if name not in self.declared:
            self._undeclared(name, offset, has_field)
            return ANY
        return self.declared[name]

    def _undeclared(self, name: str, offset: int, has_field: bool) -> None:
        if self.used[name] == offset:
            kind = ", with type: object" if has_field else ""
            message = f'variable "{name[:64]}" is not declared: {self._way_out(name)} under variables{kind}'
            self._fault(offset, message, reasons.UNDECLARED_VARIABLE)

    def _way_out(self, name: str) -> str:
        known = [*self.declared, *(local for local, _ in self._locals)]
        is_foreign = name in FOREIGN_NAMES
        close = difflib.get_close_matches(name[:64], known, n=1, cutoff=0.8 if is_foreign else 0.6)
        if is_foreign and not close:
            return f"{FOREIGN_NAMES[name]}, else declare it"
        if not is_variable_name(name):
            named = _in_lower_case(name)
            return f"a name has lower case letters, digits and underscores alone: write {named}, and declare it"
        return f'write "{close[0]}", or declare it' if close else "declare it"

    def _attribute(self, of: Shape, key: str, offset: int) -> Shape:
        if of is _LOOP:
            return self._loop_field(key, offset)
        if of.type == "any" or (of.type == "object" and of.fields is None):
            return Shape(may_be_absent=True, is_trusted=of.is_trusted)
        if of.type != "object" or of.fields is None:
            what = f'{ARTICLES.get(of.type, "a value")} has no field "{key[:64]}"'
            cure = REFUSED_FIELDS.get(key, "declare it with type: object, and its fields under properties")
            self._fault(offset, f"{what}: {cure}", reasons.UNDECLARED_VARIABLE)
            return ANY
        if key not in of.fields:
            known = f": it has {', '.join(of.fields)}" if of.fields else ""
            self._fault(
                offset,
                f'field "{key[:64]}" is not declared{advice(key, of.fields)}{known}',
                reasons.UNDECLARED_VARIABLE,
            )
            return ANY
        self._objects[offset] = of
        shape = of.fields[key]
        return replace(shape, may_be_absent=shape.may_be_absent or of.may_be_absent)

    def _field_of_items(self, item: Shape, name: str, arguments: tuple[Expression, ...]) -> None:
        """Look at the field by which a filter joins, sorts or tells apart."""
        for parameter, argument in zip(FILTERS[name].parameters, arguments, strict=False):
            if parameter == FIELD and isinstance(argument, Constant):
                self._attribute(item, str(argument.value), argument.offset)

    def _loop_field(self, key: str, offset: int) -> Shape:
        if key in ("previtem", "nextitem"):
            inner = next(shape for local, shape in reversed(self._locals) if local != "loop")
            return replace(inner, may_be_absent=True)
        if key not in _LOOP_SHAPES:
            cure = f": {FOREIGN_LOOP_FIELDS[key]}" if key in FOREIGN_LOOP_FIELDS else advice(key, LOOP_FIELDS)
            self._fault(offset, f'loop has no field "{key[:64]}"{cure}; it has {", ".join(LOOP_FIELDS)}')
            return ANY
        return _LOOP_SHAPES[key]

    def _item(self, of: Shape, offset: int) -> Shape:
        if of.type not in ("list", "any"):
            self._fault(offset, f"only a list has items by number; this is {ARTICLES.get(of.type, 'none')}")
        return replace(of.item or ANY, may_be_absent=True, is_trusted=of.is_trusted, is_constant=of.is_constant)

    def _filter(self, of: Shape, name: str, arguments: tuple[Shape, ...]) -> Shape:
        trusted = of.is_trusted and all(each.is_trusted for each in arguments)
        if name in _TO_STRING:
            return Shape("string", is_trusted=trusted)
        if name in ("length", "count"):
            return _INTEGER
        if name == "round":
            return Shape("number", is_trusted=True)
        if name in ("sort", "unique", "list"):
            return Shape("list", of.item, is_trusted=trusted)
        if name in ("first", "last"):
            return replace(of.item or ANY, may_be_absent=True, is_trusted=trusted)
        otherwise = arguments[0] if arguments else Shape("string")
        if _key(of) != _key(otherwise):
            return Shape(may_be_absent=otherwise.may_be_absent, is_trusted=trusted)
        return replace(of, may_be_absent=otherwise.may_be_absent, is_trusted=trusted)

    def _fault(self, offset: int, message: str, reason: str = reasons.TEMPLATE_SYNTAX) -> None:
        self.faults.append(TemplateFault(offset, message, reason))


def _in_lower_case(name: str) -> str:
    """Return the name of other languages as it is written here: user_name for userName and USER_NAME."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:64]).lower().lstrip("_0123456789")
    return parts[:63] or "name"


def _combined(expression: Expression, seen: tuple[Shape, ...]) -> Shape:
    match expression:
        case Test() | Not() | Compare():
            return _BOOLEAN
        case Conditional():
            results = seen[1:]
        case And() | Or() | List():
            results = seen
        case _:
            return ANY
    trusted, constant = all(each.is_trusted for each in results), all(each.is_constant for each in results)
    if isinstance(expression, List):
        return Shape("list", is_trusted=trusted, is_constant=constant)
    return replace(
        results[0] if len(set(map(_key, results))) == 1 and len(results) > 1 else ANY,
        may_be_absent=True,
        is_trusted=trusted,
        is_constant=constant,
    )


def _key(shape: Shape) -> tuple[str, int, int]:
    """What two shapes must have in common for one to stand for the other: never the fields of another object."""
    return shape.type, id(shape.fields), id(shape.item)


def _constant_type(value: object) -> str:
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "number" if isinstance(value, float) else "any"
