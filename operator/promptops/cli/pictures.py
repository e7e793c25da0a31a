"""Pictures of a terminal: SVG that says its own colours and places every word, so that it looks alike wherever it is drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import accumulate

from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style

COLUMNS = 80
_CELL, _LINE, _SIZE, _MARGIN, _BAR = 8.4, 19, 14, 14, 30
"""Pixels: a character's width and height, its font's size, the border, the title's bar."""
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
_PAPER, _INK, _DIM, _GREEN, _FRAME = "#16181d", "#e4e6eb", "#9aa3b2", "#8fd18a", "#5b6270"
_COLOURS = {"green": _GREEN, "bright_black": _DIM}
_WORD = re.compile(r"\S+")
_RULE = re.compile(r"[─━]+")


def of_console(title: str, shown: RenderableType) -> str:
    """Return a picture of what rich prints."""
    console = Console(width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="standard")
    lines = console.render_lines(shown, pad=False)
    return _picture(title, [list(_words(line)) for line in lines])


def of_text(title: str, text: str, columns: int = COLUMNS) -> str:
    """Return a picture of plain text; a line that begins with `$ ` is what was typed."""
    lines = text.rstrip("\n").splitlines()
    too_long = [line for line in lines if len(line) > columns]
    if too_long:
        raise ValueError(f"{len(too_long[0])} columns are more than {columns}: {too_long[0]!r}")
    bold = Style(bold=True)
    return _picture(title, [list(_words([Segment(line, bold if line.startswith("$ ") else None)])) for line in lines])


def _words(line: Iterable[Segment]) -> Iterator[tuple[int, str, Style]]:
    """Yield each word of a line with the column it begins in."""
    segments = [segment for segment in line if not segment.control]
    starts = accumulate((segment.cell_length for segment in segments), initial=0)
    for segment, start in zip(segments, starts, strict=False):
        for word in _WORD.finditer(segment.text):
            yield start + word.start(), word[0], segment.style or Style.null()


def _picture(title: str, lines: Sequence[Sequence[tuple[int, str, Style]]]) -> str:
    width = COLUMNS * _CELL + 2 * _MARGIN
    height = _BAR + len(lines) * _LINE + _MARGIN
    drawn = "\n".join(_drawn(*word, number) for number, line in enumerate(lines) for word in line)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img">
<title>{escape(title)}</title>
<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="8" fill="{_PAPER}" stroke="{_FRAME}"/>
<text x="{width / 2:.0f}" y="20" text-anchor="middle" font-family="sans-serif" font-size="13" fill="{_DIM}">{escape(title)}</text>
<g font-family="{_FONT}" font-size="{_SIZE}">
{drawn}
</g>
</svg>
"""


def _drawn(column: int, word: str, style: Style, number: int) -> str:
    x, y = _MARGIN + column * _CELL, _BAR + number * _LINE
    if _RULE.fullmatch(word):
        # A line, and not as many dashes: fonts differ in how they join.
        middle = y + _LINE / 2
        return f'<path d="M{x:.1f} {middle}h{len(word) * _CELL:.1f}" stroke="{_DIM}"/>'
    weight = ' font-weight="bold"' if style.bold else ""
    colour = _COLOURS.get(style.color.name, _INK) if style.color else _DIM if style.dim else _INK
    return f'<text x="{x:.1f}" y="{y + _SIZE}" fill="{colour}"{weight}>{escape(word)}</text>'
