"""What changed between two texts: by lines, and inside of changed lines by words."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["same", "removed", "added"]
_MAX_WORDS: Final = 2_000
"""Longer texts are compared by lines alone: comparing words costs their square."""
_ALIKE: Final = 0.5
"""Below this share of common words a line was replaced and not changed."""
_WORD: Final = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """A part of a text and what became of it."""

    kind: Kind
    text: str


def pieces(before: str, after: str) -> tuple[Piece, ...]:
    """Compare two texts by lines, and changed lines by words."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found: list[Piece] = []
    for tag, begin, end, new_begin, new_end in difflib.SequenceMatcher(None, old, new, autojunk=True).get_opcodes():
        removed, added = "".join(old[begin:end]), "".join(new[new_begin:new_end])
        found += [Piece("same", removed)] if tag == "equal" else _words(removed, added)
    return tuple(found)


def _words(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if max(len(old), len(new)) > _MAX_WORDS or matcher.ratio() < _ALIKE:
        yield from (piece for piece in (Piece("removed", before), Piece("added", after)) if piece.text)
        return
    for tag, begin, end, new_begin, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(old[begin:end]))
            continue
        if end > begin:
            yield Piece("removed", "".join(old[begin:end]))
        if new_end > new_begin:
            yield Piece("added", "".join(new[new_begin:new_end]))
