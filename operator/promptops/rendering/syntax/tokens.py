"""A template cut into text and tags, and each tag into tokens, in one pass that looks at no character twice.

The rules of a tag are Jinja's, with these limits: blanks inside a tag are blank, tab and line end (not the no-break space, about
which engines disagree); nothing may stay open, neither a tag nor a comment nor `{% raw %}`; line ends stay as they are written.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from promptops.api.limits import MAX_TEMPLATE_CHARACTERS
from promptops.rendering.names import shown
from promptops.rendering.syntax.cures import FOREIGN_CHARACTERS, FOREIGN_SEQUENCES
from promptops.rendering.syntax.faults import TemplateFault

MAX_TAGS = 4000
MAX_TOKENS_IN_A_TAG = 400

WRITE_LITERALLY = "to write {} literally, put it between {{% raw %}} and {{% endraw %}}"

_BLOCKS = "write {% if name %} … {% endif %}, or {% for item in list %} … {% endfor %}"
_FOREIGN = {
    "#": _BLOCKS,
    "^": "write {% if not name %} … {% endif %}",
    "{": "two braces are enough, for nothing is escaped; a brace around a value needs a blank, as in { {{ x }} }",
    "&": "leave the & out, for nothing is escaped",
    "!": "write {# note #}",
    "@": "in a loop write loop.index, loop.first or loop.last",
}
"""What stands behind {{ in other languages, and what to write here."""

_OPENING = re.compile(r"\{[{%#]")
_BLANKS = re.compile(r"[ \t\r\n]*")
_RAW = re.compile(r"\{%[-+]?[ \t\r\n]*raw[ \t\r\n]*([-+]?)%\}")
_END_OF_RAW = re.compile(r"\{%([-+]?)[ \t\r\n]*endraw[ \t\r\n]*([-+]?)%\}")
_END_OF_COMMENT = re.compile(r"([-+]?)#\}")
_END_OF_OUTPUT = re.compile(r"(-?)\}\}")
_END_OF_STATEMENT = re.compile(r"([-+]?)%\}")
_TOKEN = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_]))"
    r"|(?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\")"
    r"|(?P<sign>==|!=|<=|>=|//|\*\*|[<>()\[\].,|=+\-*/%~:])",
    re.DOTALL,
)

_HASHED = re.compile(r"#[A-Za-z_0-9.]{1,100}#\}\}")
_SIGNS = frozenset("<>()[].,|=+-*/%~:!'\"")

Kind = Literal["name", "number", "string", "sign"]


class Token(NamedTuple):
    """One word of a tag, exactly as it stands at this offset of the template."""

    kind: Kind
    text: str
    offset: int


class TextPiece(NamedTuple):
    """Text that is rendered as it stands, whitespace control already applied."""

    text: str


class Tag(NamedTuple):
    """`{{ … }}` or `{% … %}`; `end` is the offset behind it, or behind what could be read of it."""

    opening: Literal["{{", "{%"]
    tokens: tuple[Token, ...]
    offset: int
    end: int
    fault: TemplateFault | None = None
    """What is wrong behind the last token; nothing follows such a tag. What is wrong before it is told first."""


Piece = TextPiece | Tag


def pieces(template: str) -> Iterator[Piece]:
    """Yield text and tags in order, comments left out.

    Raises TemplateFault at the first place that is neither.
    """
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise TemplateFault(
            0, f"has {len(template)} characters, at most {MAX_TEMPLATE_CHARACTERS} are allowed: shorten it"
        )
    reader, tags = _Reader(template), 0
    while opening := _OPENING.search(template, reader.at):
        tags += 1
        if tags > MAX_TAGS:
            raise TemplateFault(opening.start(), f"there are more than {MAX_TAGS} tags: split the template")
        yield from reader.before(opening.start())
        yield from reader.tag(opening.start())
    yield from reader.before(len(template))


@dataclass
class _Reader:
    """How far a template is read, and whether the tag before takes the blanks that follow."""

    template: str
    at: int = 0
    strips: bool = False

    def before(self, offset: int) -> Iterator[TextPiece]:
        """Yield the text up to an offset, without what the tags on either side strip."""
        text = self.template[self.at : offset]
        text = text.lstrip() if self.strips else text
        text = text.rstrip() if self.template.startswith("-", offset + 2) else text
        if text:
            yield TextPiece(text)

    def tag(self, start: int) -> Iterator[Piece]:
        """Read what begins at an offset."""
        opening = self.template[start : start + 2]
        if opening == "{#":
            self._skip_comment(start)
        elif opening == "{%" and (raw := _RAW.match(self.template, start)):
            yield from self._raw(raw)
        else:
            yield (tag := self._expression(start))
            if tag.fault is not None:
                raise tag.fault

    def _skip_comment(self, start: int) -> None:
        end = _END_OF_COMMENT.search(self.template, start + 2)
        if end is None:
            raise _never_closed(start, "{#", "#}")
        self.at, self.strips = end.end(), end[1] == "-"

    def _raw(self, raw: re.Match[str]) -> Iterator[TextPiece]:
        end = _END_OF_RAW.search(self.template, raw.end())
        if end is None:
            message = "{% raw %} is never closed with {% endraw %}: close it where the literal text ends"
            raise TemplateFault(raw.start(), message)
        text = self.template[raw.end() : end.start()]
        text = text.lstrip() if raw[1] == "-" else text
        text = text.rstrip() if end[1] == "-" else text
        if text:
            yield TextPiece(text)
        self.at, self.strips = end.end(), end[2] == "-"

    def _expression(self, start: int) -> Tag:
        is_output = self.template.startswith("{{", start)
        closing = _END_OF_OUTPUT if is_output else _END_OF_STATEMENT
        at = start + 2 + (self.template[start + 2 : start + 3] in ("-", "+"))
        tokens: list[Token] = []
        while not (end := closing.match(self.template, at := _after_blanks(self.template, at))):
            token = self._token(start, at)
            if isinstance(token, TemplateFault):
                return Tag("{{" if is_output else "{%", tuple(tokens), start, at + 2, token)
            tokens.append(token)
            if len(tokens) > MAX_TOKENS_IN_A_TAG:
                raise TemplateFault(at, f"a tag may have at most {MAX_TOKENS_IN_A_TAG} words and signs: split it")
            at += len(token.text)
        self.at, self.strips = end.end(), end[1] == "-"
        return Tag("{{" if is_output else "{%", tuple(tokens), start, end.end())

    def _token(self, start: int, at: int) -> Token | TemplateFault:
        if found := _TOKEN.match(self.template, at):
            kind: Kind = found.lastgroup  # type: ignore[assignment]  # the groups are named for the kinds
            return Token(kind, found[0], at)
        opening = self.template[start : start + 2]
        closing = "}}" if opening == "{{" else "%}"
        if at == len(self.template) or (at > start + 2 and not self._closes(closing, at)):
            raise _never_closed(start, opening, closing)
        return TemplateFault(at if at > start + 2 else start, _objection(self.template, at, opening, closing))

    def _closes(self, closing: str, at: int) -> bool:
        """Whether an end of the tag follows, or half of one stands here; else what stands here is no part of a tag."""
        return self.template[at] == "}" or self.template.find(closing, at) >= 0


def _after_blanks(template: str, at: int) -> int:
    found = _BLANKS.match(template, at)
    return found.end() if found else at


def _never_closed(start: int, opening: str, closing: str) -> TemplateFault:
    return TemplateFault(
        start, f"{opening} is never closed with {closing}: close it; {WRITE_LITERALLY.format(opening)}"
    )


def _objection(template: str, at: int, opening: str, closing: str) -> str:
    character = template[at]
    if opening == "{{" and _HASHED.match(template, at):
        return "{{#…#}} is how Dify writes a value: write {{ name }}, and declare it under variables"
    if opening == "{{" and template.startswith("{{", at - 2) and (said := _FOREIGN.get(character)):
        return f"{{{{{character} is how Handlebars and Mustache write it: {said}; {WRITE_LITERALLY.format(opening)}"
    if template.startswith(("{{", "{%", "{#"), at):
        return f"{template[at : at + 2]} stands inside another tag that begins with {opening}: close that one before it"
    if character == "}":
        return f"{opening} is closed with {closing}, and here stands a }} alone: write {closing}; {WRITE_LITERALLY.format(opening)}"
    if character == "{":
        return f"{{ cannot stand inside {opening}: declare an object as a variable; {WRITE_LITERALLY.format(opening)}, or put a blank between two braces"
    if character in "'\"":
        return f"a string that begins with {character} never ends: close it"
    if character.isspace():
        return f"a blank of another kind (U+{ord(character):04X}) stands inside a tag: write a plain one"
    meaning = f"{shown(character)} (U+{ord(character):04X}) means nothing inside a tag{_meant(template, at)}"
    return f"{meaning}; {WRITE_LITERALLY.format(opening)}"


def _meant(template: str, at: int) -> str:
    """Say what to write for a character that no tag has; nothing when nobody knows."""
    character = template[at]
    for sequence, cure in FOREIGN_SEQUENCES.items():
        if template.startswith(sequence, at):
            return f": {cure}"
    if character in FOREIGN_CHARACTERS:
        return f": {FOREIGN_CHARACTERS[character]}"
    if character.isdecimal() and character.isascii():
        return ": a number is written with decimal digits and a point, as in 12 or 0.5; a name begins with a letter"
    if not character.isascii() and (plain := unicodedata.normalize("NFKC", character)) in _SIGNS:
        return f": write {plain} as it is in ASCII"
    return "" if character.isascii() else ": names and numbers are of ASCII letters, digits and _, so type it anew"
