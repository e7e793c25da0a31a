"""What every reader of a document bounds, and what it passes over as kubectl does."""

from dataclasses import dataclass
from typing import Final

from promptops.rendering.errors import InvalidDocument
from promptops.rendering.names import shown

MAX_CHARACTERS: Final = 512 * 1024
MAX_DEPTH: Final = 64
MAX_ALIASED_CHARACTERS: Final = 128 * 1024
"""How much aliases may stand for in all: a few lines of them can mean gigabytes."""
MAX_SLIPS: Final = 20
"""So many are told of."""


@dataclass(frozen=True)
class Slip:
    """Something that kubectl passes over in silence and nobody can have meant."""

    message: str
    line: int
    column: int


def bound(text: str) -> None:
    """Raise InvalidDocument when a text is longer than is read."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidDocument(f"has {len(text)} characters, at most {MAX_CHARACTERS} are read", 1, 1)


def place_of(text: str, offset: int, start: int = 0) -> tuple[int, int]:
    """Return line and column of an offset, both counted from 1 at `start`."""
    newline = text.rfind("\n", start, offset)
    return text.count("\n", start, offset) + 1, offset - (newline if newline >= 0 else start - 1)


def twice(key: str, line: int, column: int) -> Slip:
    """Return the slip of a key that stands twice in one object."""
    return Slip(f"the key {shown(key)} stands here twice", line, column)
