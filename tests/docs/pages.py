"""Pages as what a reader types: the blocks between two headings, in order, and what must come of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TYPED = {"bash": "{}", "python": "python3 - <<'EOF'\n{}EOF\n"}


@dataclass(frozen=True)
class Step:
    """A block, what to type for it, and the lines that the page says come of it."""

    heading: str
    typed: str
    expected: tuple[str, ...]


def steps(page: str, first: str = "", last: str = "") -> list[Step]:
    """Return what a page has one type, between two of its headings. Raises AssertionError when that is nothing."""
    text = (ROOT / page).read_text()
    begin, end = text.index(first), text.index(last) if last else len(text)
    found = list(_steps(text[begin:end]))
    assert found, f"{page} has nothing to type between {first!r} and {last!r}"
    return found


def _steps(text: str) -> Iterator[Step]:
    blocks = list(_BLOCK.finditer(text))
    for block, following in zip(blocks, (*blocks[1:], None), strict=True):
        if block[1] not in _TYPED:
            continue
        answered = following[2].splitlines() if following and following[1] == "text" else []
        heading = re.findall(r"^#+ (.*)$", text[: block.start()], re.MULTILINE)
        yield Step(heading[-1] if heading else "", _TYPED[block[1]].format(block[2]), tuple(answered))
