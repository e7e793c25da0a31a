"""No value makes a chat control token: `<|im_end|>` in a value, or put together by values, is broken by a blank.

Model servers that join messages into one text read such tokens as the end of one message and the beginning of another.
What a text of the template says stays as it is, and so does what a trusted value says: a token stands in a message only where
one of them has it whole. What constants of a template put together with filters is broken as a value is, for no reviewer and no
check saw it; that is looked for where something in the template could end a token, and costs other templates nothing.
"""

import re
from collections.abc import Callable, Sequence

_TOKEN = re.compile(r"<(?=[|｜][\w.\-▁]{1,64}[|｜]>|</?SYS>>|/?(?:start|end)_of_turn>)|\[(?=/?INST\])")
_BEGINNING_OF_TOKEN = re.compile(r"(?:[<\[]|\A)[\w.\-▁|｜/<>]{0,70}\Z")
_END_OF_TOKEN = re.compile(r"[\w.\-▁|｜/<\[]{0,70}[>\]]")

_LONGEST = 72
"""No token has more characters."""


def may_make_tokens(text: str) -> bool:
    """Whether a text has what every token ends with: one look is enough for almost every value."""
    return ">" in text or "]" in text


def has_token(text: str) -> bool:
    """Whether there is a token in a text."""
    return _looks_alike(text) and _TOKEN.search(text) is not None


def _looks_alike(text: str) -> bool:
    """Whether a text has what tokens are made of.

    Looking for one character costs next to nothing, for a string some more: from the end a third of what it does from the start.
    """
    if "[" in text and "]" in text and "N" in text and "S" in text and text.rfind("INST]") >= 0:
        return True
    if "<" not in text or ">" not in text:
        return False
    marks = (("|", "|>"), ("｜", "｜>"), ("_", "_of_turn>"), ("Y", "SYS>>"))
    return any(rare in text and text.rfind(hint) >= 0 for rare, hint in marks)


def may_complete_token(text: str) -> bool:
    """Whether a text could be the end of a token that begins before it."""
    return _END_OF_TOKEN.match(text) is not None


def may_continue_token(text: str) -> bool:
    """Whether a token that ends behind a text could begin in it, or before it."""
    return _BEGINNING_OF_TOKEN.search(text[-_LONGEST:]) is not None


def break_tokens(text: str, pieces: Sequence[str], is_literal: Callable[[int], bool]) -> str:
    """Return `text`, which is `pieces` joined, without the tokens that are not wholly inside one literal piece.

    `is_literal` tells it of a piece by its place.
    """
    if not has_token(text):
        return text
    allowed = _offsets_in_literals(pieces, is_literal)
    return _TOKEN.sub(lambda found: found[0] if found.start() in allowed else f"{found[0]} ", text)


def _offsets_in_literals(pieces: Sequence[str], is_literal: Callable[[int], bool]) -> set[int]:
    offsets: set[int] = set()
    begin = 0
    for place, piece in enumerate(pieces):
        if is_literal(place):
            offsets.update(begin + found.start() for found in _TOKEN.finditer(piece))
        begin += len(piece)
    return offsets
