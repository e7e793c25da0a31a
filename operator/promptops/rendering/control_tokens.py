"""No value makes a chat control token: `<|im_end|>` in a value, or put together by values, is broken by a blank.

Model servers that join messages into one text read such tokens as the end of one message and the beginning of another.
What the template itself says stays as it is.
"""

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"<(?=[|｜][\w.\-▁]{1,64}[|｜]>|</?SYS>>|/?(?:start|end)_of_turn>)|\[(?=/?INST\])")
_HINTS = ("|>", "｜>", "_of_turn>", "SYS>>", "INST]")
"""A token needs one of them, and looking for a plain string costs next to nothing."""


def break_tokens(text: str, pieces: Sequence[str], is_literal: Sequence[bool]) -> str:
    """Return `text`, which is `pieces` joined, without the tokens that are not wholly inside one literal piece."""
    if not any(hint in text for hint in _HINTS):
        return text
    allowed = _offsets_in_literals(pieces, is_literal)
    return _TOKEN.sub(lambda found: found[0] if found.start() in allowed else f"{found[0]} ", text)


def _offsets_in_literals(pieces: Sequence[str], is_literal: Sequence[bool]) -> set[int]:
    offsets: set[int] = set()
    begin = 0
    for piece, literal in zip(pieces, is_literal, strict=True):
        if literal:
            offsets.update(begin + found.start() for found in _TOKEN.finditer(piece))
        begin += len(piece)
    return offsets
