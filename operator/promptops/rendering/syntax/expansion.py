"""Puts the texts of other versions in the places where a template includes them. What comes out is a template like any other.

It has no comments, no whitespace control and no raw blocks: what they come to stands in it. So neither a blank nor a brace on
one side of a seam ever means something on the other.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from promptops.api.limits import MAX_TEMPLATE_CHARACTERS
from promptops.rendering.syntax.faults import TemplateFault
from promptops.rendering.syntax.tokens import Tag, TextPiece, pieces

_BLANKS: Final = " \t\r\n"
_OPENS: Final = re.compile(r"\{(?=[{%#])")
_RAW_BRACE: Final = "{% raw %}{{% endraw %}"


class TooLong(Exception):
    """The template would be longer than a template may be."""

    def __init__(self, characters: int) -> None:
        super().__init__(
            f"has {characters} characters with what it includes, at most {MAX_TEMPLATE_CHARACTERS} are allowed"
        )


def expand(template: str, texts: Mapping[str, str]) -> str:
    """Return the template with the texts, themselves templates that include nothing, in the places of their aliases.

    The template must be one that can be read, and include nothing else. Raises TooLong, before anything is put together.
    """
    mine = list(pieces(template))
    included = [texts[alias] for piece in mine if (alias := _alias(piece)) is not None]
    if (length := len(template) + sum(map(len, included))) > MAX_TEMPLATE_CHARACTERS:
        raise TooLong(length)
    read = {alias: list(pieces(text)) for alias, text in texts.items()} if included else {}
    written: list[str] = []
    text: list[str] = []
    for piece, source in _inlined(template, mine, texts, read):
        if isinstance(piece, TextPiece):
            text.append(piece.text)
        else:
            written += [_literal("".join(text), before_tag=True), _tag(piece, source)]
            text = []
    expanded = "".join([*written, _literal("".join(text), before_tag=False)])
    if len(expanded) > MAX_TEMPLATE_CHARACTERS:
        raise TooLong(len(expanded))
    return expanded


def _inlined(
    template: str,
    mine: list[TextPiece | Tag],
    texts: Mapping[str, str],
    read: Mapping[str, list[TextPiece | Tag]],
) -> Iterator[tuple[TextPiece | Tag, str]]:
    """Yield every piece with the template that it stands in."""
    for piece in mine:
        alias = _alias(piece)
        if alias is None:
            yield piece, template
        else:
            yield from ((each, texts[alias]) for each in read[alias])


def _alias(piece: TextPiece | Tag) -> str | None:
    if isinstance(piece, Tag) and piece.opening == "{%" and piece.tokens and piece.tokens[0].text == "include":
        if len(piece.tokens) != 2:
            raise TemplateFault(piece.offset, "an include has nothing but its alias")
        return piece.tokens[1].text[1:-1]
    return None


def _tag(tag: Tag, source: str) -> str:
    """Write a tag without the signs that take the blanks around it: they were taken when it was read."""
    inner = source[tag.offset + 2 : tag.end - 2]
    inner = inner[1:] if inner[:1] in ("-", "+") else inner
    signs = "-" if tag.opening == "{{" else "-+"
    inner = inner[:-1] if inner[-1:] and inner[-1] in signs else inner
    closing = "}}" if tag.opening == "{{" else "%}"
    return f"{tag.opening} {inner.strip(_BLANKS)} {closing}"


def _literal(text: str, *, before_tag: bool) -> str:
    """Write a text so that it is read as text."""
    written = _OPENS.sub(_RAW_BRACE, text)
    return f"{written[:-1]}{_RAW_BRACE}" if before_tag and written.endswith("{") else written
