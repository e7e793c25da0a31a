"""What a value costs to clean is in proportion to its length, whatever it consists of."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest

from promptops.rendering.unicode import RefusedText, clean
from tests.support.growth import Work, assert_linear

PRIVATE = "".join(chr(code) for code in range(0xF0000, 0xF0000 + 60_000))
MARKS = "".join(chr(code) for code in range(0x300, 0x2000) if unicodedata.combining(chr(code)))
IDEOGRAPHS = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 20_000))


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("a" * 2000 + PRIVATE, id="many different refused characters"),
        pytest.param(IDEOGRAPHS, id="many different characters"),
        pytest.param("e\u0301" * 20_000, id="composed pairs"),
        pytest.param(("a" + MARKS[:30]) * 1000, id="runs of marks as long as they may be"),
        pytest.param("a\ufe0f\ufe0f" * 10_000, id="doubled variation selectors"),
        pytest.param("a\u200b" * 20_000, id="zero-width spaces"),
        pytest.param("\u1100\u1161\u11a8" * 10_000, id="Hangul in pieces"),
        pytest.param("\r\n" * 30_000, id="line ends"),
    ],
)
def test_cleaning_is_linear(sample: str) -> None:
    def cleaning(size: int) -> Work:
        text = (sample * (size // len(sample) + 1))[:size]
        return lambda: _cleaned(text)

    assert_linear(cleaning, 60_000)


def test_different_refused_characters_are_looked_up_once_each() -> None:
    """The last character is the first that is refused, and before it everything is different."""

    def cleaning(size: int) -> Work:
        text = IDEOGRAPHS[:size] + PRIVATE[:size]
        return lambda: _cleaned(text)

    assert_linear(cleaning, 10_000)


def _cleaned(text: str) -> None:
    with suppress(RefusedText):
        clean(text)
