"""The expression in a tag: Jinja's grammar without calls, arithmetic, slices and dictionaries, to a bounded depth."""

from typing import NoReturn

from promptops.rendering.names import shown
from promptops.rendering.syntax.cures import REFUSED_FILTERS, UNKNOWN_FILTER, UNKNOWN_TESTS
from promptops.rendering.syntax.faults import TemplateFault
from promptops.rendering.syntax.refusals import WORDS, advice, ends_too_early, of_others, why_not
from promptops.rendering.syntax.tokens import Tag, Token
from promptops.rendering.syntax.tree import (
    And,
    Attribute,
    Compare,
    Conditional,
    Constant,
    Expression,
    Filter,
    Item,
    List,
    Name,
    Not,
    Or,
    Scalar,
    Test,
)
from promptops.rendering.syntax.vocabulary import FILTERS, TESTS, Callable

MAX_DEPTH = 12
"""Brackets, inline ifs and the like inside one another."""
MAX_CHAIN = 16
"""Attributes, items, filters and tests one behind another."""

_CONSTANTS: dict[str, Scalar] = {
    "true": True, "True": True, "false": False, "False": False, "none": None, "None": None,
}  # fmt: skip
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_NO_ARGUMENT = frozenset({"and", "or", "else", "is", "if", "not"})
_MAX_SAFE_INTEGER = 2**53 - 1


class Reader:
    """Reads the tokens of one tag from left to right. Every method raises TemplateFault."""

    def __init__(self, tag: Tag) -> None:
        self.tag = tag
        self._at = 0
        self._depth = 0

    @property
    def offset(self) -> int:
        """Where the next token stands."""
        return self._next.offset if self._next else self.tag.end - 2

    @property
    def _next(self) -> Token | None:
        return self.tag.tokens[self._at] if self._at < len(self.tag.tokens) else None

    def word(self) -> str | None:
        """Take the next token if it is a name."""
        token = self._next
        if token is None or token.kind != "name":
            return None
        self._at += 1
        return token.text

    def string(self) -> str | None:
        """Take the next token if it is a string without escapes."""
        token = self._next
        if token is None or token.kind != "string" or "\\" in token.text:
            return None
        self._at += 1
        return token.text[1:-1]

    def takes(self, *texts: str) -> bool:
        """Take the next tokens if they are exactly these."""
        found = tuple(token.text for token in self.tag.tokens[self._at : self._at + len(texts)])
        if found != texts:
            return False
        self._at += len(texts)
        return True

    def end(self) -> None:
        """Require that nothing is left."""
        if self._next is not None:
            self._refuse_next()

    def expression(self) -> Expression:
        """Read an expression, inline ifs included."""
        self._deeper()
        value, offset = self.condition(), self.offset
        if self.takes("if"):
            condition = self.condition()
            otherwise = self.expression() if self.takes("else") else None
            value = Conditional(value, condition, otherwise, offset)
        self._depth -= 1
        return value

    def condition(self) -> Expression:
        """Read an expression without inline ifs, as it stands behind `if` and `in`."""
        parts = [self._and()]
        while self.takes("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts), parts[0].offset)

    def _and(self) -> Expression:
        parts = [self._not()]
        while self.takes("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts), parts[0].offset)

    def _not(self) -> Expression:
        offset = self.offset
        if not self.takes("not"):
            return self._comparison()
        self._deeper()
        negated = Not(self._not(), offset)
        self._depth -= 1
        return negated

    def _comparison(self) -> Expression:
        first = self._value()
        others: list[tuple[str, Expression]] = []
        while operator := self._comparison_sign():
            others.append((operator, self._value()))
        return Compare(first, tuple(others), first.offset) if others else first

    def _comparison_sign(self) -> str:
        if self.takes("not", "in"):
            return "not in"
        token = self._next
        if token is not None and (token.text in _COMPARISONS or token.text == "in"):
            self._at += 1
            return token.text
        return ""

    def _value(self) -> Expression:
        value, length = self._primary(), 0
        while (longer := self._postfix(value)) is not None:
            value, length = longer, length + 1
            self._bound_chain(length)
        while (longer := self._filtered(value)) is not None:
            value, length = longer, length + 1
            self._bound_chain(length)
        return value

    def _bound_chain(self, length: int) -> None:
        if length > MAX_CHAIN:
            raise TemplateFault(
                self.offset, f"more than {MAX_CHAIN} attributes, filters and tests stand one behind another"
            )

    def _primary(self) -> Expression:
        token = self._next
        if token is None or token.text in WORDS:
            self._refuse_next()
        self._at += 1
        match token.kind:
            case "name" if token.text in _CONSTANTS:
                return Constant(_CONSTANTS[token.text], token.offset)
            case "name":
                return Name(token.text, token.offset)
            case "string":
                return Constant(_unescaped(token), token.offset)
            case "number":
                return Constant(_number(token), token.offset)
        return self._bracket(token)

    def _bracket(self, token: Token) -> Expression:
        following = self._next
        if token.text == "-" and following is not None and following.kind == "number":
            self._at += 1
            return Constant(-_number(following), token.offset)
        if token.text == "(":
            first = self.expression()
            if self.takes(")"):
                return first
            return List(self._items(first, ")"), token.offset)
        if token.text == "[":
            return List(() if self.takes("]") else self._items(self.expression(), "]"), token.offset)
        self._at -= 1
        raise self._refusal()

    def _items(self, first: Expression, closing: str) -> tuple[Expression, ...]:
        items = [first]
        while not self.takes(closing):
            if self._next is None and self.tag.fault is None:
                raise TemplateFault(self.offset, f"a bracket is never closed: write {closing} where it ends")
            if not self.takes(","):
                self._refuse_next()
            if not self.takes(closing):
                items.append(self.expression())
                continue
            break
        return tuple(items)

    def _postfix(self, value: Expression) -> Expression | None:
        offset = self.offset
        if self.takes("."):
            key = self.word()
            if key is None:
                self._refuse_next()
            return Attribute(value, _field(key, offset), offset)
        if self.takes("["):
            key_at, inside = self.offset, self.expression()
            if not self.takes("]"):
                self._refuse_next()
            if isinstance(inside, Constant) and isinstance(inside.value, str):
                return Attribute(value, _field(inside.value, key_at), offset)
            if isinstance(inside, Constant) and type(inside.value) is int and abs(inside.value) < 1_000_000:
                return Item(value, inside.value, offset)
            raise TemplateFault(
                key_at, 'what stands in [ ] must be a literal: a field\'s name as in ["key"], or a place as in [0]'
            )
        return None

    def _filtered(self, value: Expression) -> Expression | None:
        offset = self.offset
        if self.takes("|"):
            name, arguments = self._callable(FILTERS, "filter", offset)
            return Filter(value, name, arguments, offset)
        if self.takes("is"):
            negated = self.takes("not")
            name, arguments = self._callable(TESTS, "test", offset)
            test = Test(value, name, arguments, offset)
            return Not(test, offset) if negated else test
        return None

    def _callable(self, known: dict[str, Callable], what: str, offset: int) -> tuple[str, tuple[Expression, ...]]:
        at, name = self.offset, self.word()
        if name is None and self._next is None and self.tag.fault is not None:
            raise self.tag.fault
        if name is None:
            raise TemplateFault(at, f"the name of a {what} is missing{self._instead_of_name(what)}")
        name = name.lower() if what == "test" and name in _CONSTANTS else name
        if what == "filter" and name in REFUSED_FILTERS:
            raise TemplateFault(at, f"the filter {name} is not part of the language: {REFUSED_FILTERS[name]}")
        if name not in known:
            close, there_are = advice(name, known), f"there are {', '.join(known)}"
            cure = UNKNOWN_TESTS.get(name, "") if what == "test" else "" if close else UNKNOWN_FILTER
            raise TemplateFault(at, f"there is no {what} {shown(name)}{close}: {there_are}{cure}")
        arguments = self._arguments(known[name], what)
        signature = known[name]
        if len(arguments) < signature.required or len(arguments) > len(signature.parameters):
            raise TemplateFault(at, f"the {what} {name} takes {_takes(signature)}, not {len(arguments)}")
        for position, argument in enumerate(arguments):
            literal = isinstance(argument, Constant)
            if objection := signature.objection(
                position, argument.value if isinstance(argument, Constant) else None, literal
            ):
                raise TemplateFault(argument.offset, f"the {what} {name}: {objection}")
        return name, arguments

    def _instead_of_name(self, what: str) -> str:
        if self.takes("|"):
            return "; for one value or else another, write or"
        if what == "test" and self._next is not None:
            return ": is tells what a value is; to compare, write =="
        return (
            ": write one, as in {{ name | upper }}"
            if what == "filter"
            else ": write one, as in {% if name is defined %}"
        )

    def _arguments(self, signature: Callable, what: str) -> tuple[Expression, ...]:
        if self.takes("("):
            if self.takes(")"):
                return ()
            self._refuse_keyword(what)
            return self._call_arguments(what)
        following = self._next
        takes_one = what == "test" and signature.required and following is not None
        if (
            takes_one
            and following is not None
            and (following.kind != "sign" or following.text == "[")
            and following.text not in _NO_ARGUMENT
        ):
            value = self._primary()
            while (longer := self._postfix(value)) is not None:
                value = longer
            return (value,)
        return ()

    def _call_arguments(self, what: str) -> tuple[Expression, ...]:
        arguments = [self.expression()]
        while not self.takes(")"):
            if not self.takes(","):
                self._refuse_next()
            self._refuse_keyword(what)
            arguments.append(self.expression())
        return tuple(arguments)

    def _refuse_keyword(self, what: str) -> None:
        tokens = self.tag.tokens[self._at : self._at + 2]
        if len(tokens) == 2 and tokens[0].kind == "name" and tokens[1].text == "=":
            raise TemplateFault(
                tokens[0].offset,
                f"a {what} takes no arguments by name: write the value of {shown(tokens[0].text)} at its place",
            )

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateFault(self.offset, f"the expression is nested deeper than {MAX_DEPTH} levels: simplify it")

    def _refuse_next(self) -> NoReturn:
        raise self._refusal()

    def _refusal(self) -> TemplateFault:
        token = self._next
        if token is None:
            return self.tag.fault or TemplateFault(self.tag.offset, ends_too_early(self.tag))
        if said := of_others(self.tag, self._at):
            return TemplateFault(token.offset, said)
        return self.tag.fault or TemplateFault(token.offset, why_not(self.tag, self._at))


def _takes(signature: Callable) -> str:
    most = len(signature.parameters)
    if most == 0:
        return "no argument"
    number = f"{most}" if signature.required == most else f"{signature.required} to {most}"
    return f"{number} argument{'s' if most > 1 else ''}"


def _field(key: str, offset: int) -> str:
    if key.startswith("__"):
        raise TemplateFault(offset, f"{shown(key)} is no field: fields that begin with __ cannot be read")
    return key


def _number(token: Token) -> int | float:
    if token.text.startswith("0") and token.text[1:2].isdecimal():
        raise TemplateFault(token.offset, f"a number begins with no zero: write {token.text.lstrip('0') or '0'}")
    if "." in token.text:
        return float(token.text[:64])
    if len(token.text) > 16 or int(token.text) > _MAX_SAFE_INTEGER:
        raise TemplateFault(token.offset, "the number is beyond 2^53 - 1, where JSON parsers disagree")
    return int(token.text)


def _unescaped(token: Token) -> str:
    parts = token.text[1:-1].split("\\")
    if len(parts) == 1:
        return parts[0]
    text, rest = parts[0], iter(parts[1:])
    for part in rest:
        if part == "":
            text += "\\" + next(rest, "")
            continue
        if part[0] not in _ESCAPES:
            cure = "write the character itself" if part[0] in "NUux" else "a backslash is written twice"
            message = (
                f"\\{shown(part[0])[1:-1]} is no escape of the language: there are \\n \\t \\r \\\\ \\' \\\"; {cure}"
            )
            raise TemplateFault(token.offset, message)
        text += _ESCAPES[part[0]] + part[1:]
    return text
