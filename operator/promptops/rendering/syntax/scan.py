"""Templates into segments: literal text and `{{ name }}`, everything else refused with line and column.

The rules, all of them:
- `{{ name }}`, with any number of blanks, tabs and line ends around the name, stands for the value of a variable.
- `{{`, `{%` and `{#` begin something; whatever they begin that is not `{{ name }}` is refused, closed or not.
- Any other text is literal, to the last character: single braces, `}}`, `%}` and `#}` on their own, line ends of
  either kind, a line end at the end. A brace right after `{{ name }}` is text, one right before it is not: `{{{`.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from promptops.rendering.errors import InvalidTemplate
from promptops.rendering.names import NAME_RULE, RESERVED, is_variable_name

_OPENING = re.compile(r"\{[{%#]")
_NAME_TAG = re.compile(r"\{\{[ \t\r\n]*([A-Za-z_][A-Za-z0-9_]*)[ \t\r\n]*\}\}")
_SUPPORTED = "only {{ name }} is supported"


class Literal(NamedTuple):
    """Text that is rendered as it stands."""

    text: str


class Slot(NamedTuple):
    """The place of a variable's value; line and column of its `{{`, both counted from 1."""

    name: str
    line: int
    column: int


Segment = Literal | Slot


@dataclass
class _Cursor:
    """Line and column of a position that only moves forward."""

    template: str
    offset: int = 0
    line: int = 1
    line_start: int = 0

    def move(self, offset: int) -> tuple[int, int]:
        """Go to the offset and return its line and column."""
        self.line += self.template.count("\n", self.offset, offset)
        self.line_start = max(self.line_start, self.template.rfind("\n", self.offset, offset) + 1)
        self.offset = offset
        return self.line, offset - self.line_start + 1


def parse(template: str) -> tuple[Segment, ...]:
    """Return the segments of a template in order; joined again they are the template.

    Raises InvalidTemplate for anything beyond literals and `{{ name }}`.
    """
    segments: list[Segment] = []
    cursor = _Cursor(template)
    end = 0
    while opening := _OPENING.search(template, end):
        start = opening.start()
        line, column = cursor.move(start)
        tag = _NAME_TAG.match(template, start)
        if tag is None or not is_variable_name(tag[1]):
            raise InvalidTemplate(_objection(template, start), line, column)
        if start > end:
            segments.append(Literal(template[end:start]))
        segments.append(Slot(tag[1], line, column))
        end = tag.end()
    if end < len(template):
        segments.append(Literal(template[end:]))
    return tuple(segments)


def _objection(template: str, start: int) -> str:
    """Say what stands there and what to write instead; never the text itself, it may be anything."""
    opening = template[start : start + 2]
    closing = {"{{": "}}", "{%": "%}", "{#": "#}"}[opening]
    inside_end = template.find(closing, start + 2)
    if inside_end < 0:
        return f"{opening} is never closed with {closing}; {_SUPPORTED}"
    if opening == "{%":
        return f"{{% begins a statement; {_SUPPORTED}, statements are not"
    if opening == "{#":
        return f"{{# begins a comment; {_SUPPORTED}, comments are not"
    return _objection_to_expression(template[start + 2 : inside_end])


def _objection_to_expression(inside: str) -> str:
    expression = inside.strip(" \t\r\n")
    if inside.startswith("{"):
        return f"{{{{{{ is not supported; {_SUPPORTED}: put a blank between a literal {{ and {{{{"
    if not expression:
        return f"there is no name between {{{{ and }}}}; {_SUPPORTED}"
    if expression in RESERVED:
        return f"{expression} is a word of the language and cannot be a variable's name"
    for sign, meaning in _BEYOND:
        if sign in expression:
            return f"{meaning}; {_SUPPORTED}"
    if re.search(r"[ \t\r\n]", expression):
        return f"there is more than a name between {{{{ and }}}}; {_SUPPORTED}"
    return f"what stands between {{{{ and }}}} is not a variable's name: {NAME_RULE}"


_BEYOND = (
    ("{{", "{{ stands inside another {{"),
    ("|", "filters (|) are not supported"),
    ("(", "calls are not supported"),
    ("[", "subscripts are not supported"),
    (".", "attributes are not supported"),
    ("'", "strings are not supported"),
    ('"', "strings are not supported"),
    ("-", "whitespace control and arithmetic (-) are not supported"),
    ("+", "arithmetic (+) is not supported"),
    ("*", "arithmetic (*) is not supported"),
    ("~", "concatenation (~) is not supported"),
)
"""What people try first, and what it is called."""
