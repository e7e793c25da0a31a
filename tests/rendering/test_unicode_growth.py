"""What a value costs to clean is in proportion to its length, whatever it consists of."""

from __future__ import annotations

import random
import unicodedata
from contextlib import suppress

import pytest

from promptops.rendering.unicode import RefusedText, clean
from tests.support.growth import Work, assert_linear

PRIVATE = "".join(chr(code) for code in range(0xF0000, 0xF0000 + 60_000))
MARKS = "".join(chr(code) for code in range(0x300, 0x2000) if unicodedata.combining(chr(code)))
AWKWARD = (
    *(
        "a",
        "e\u0301",
        "\u0301",
        "\u0323\u0307",
        "\u0327",
        "\u0334",
        "\u1100",
        "\u1161",
        "\u11a8",
        "\uac00",
        "\u0915\u093c",
    ),
    *(
        "\u2126",
        "\u212b",
        "\ufb1d",
        "\u200b",
        "\u200d",
        "\u2060",
        "\ufe0f",
        "\ufe00",
        "\U000e0100",
        "\U0001f44d\ufe0f\ufe0f",
    ),
    *("\r\n", "\n", "\u4e00", "\U000110ba", "\U00011099", "\U00011131\U00011127", MARKS[:16]),
)
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


@pytest.mark.parametrize("seed", range(20))
def test_a_text_in_pieces_is_cleaned_as_the_whole_is(seed: int) -> None:
    chosen = random.Random(seed)  # noqa: S311
    text = "".join(chosen.choice(AWKWARD) for _ in range(400))

    assert outcome(text, 1) == outcome(text, len(text))


def outcome(text: str, piece_characters: int) -> object:
    try:
        return clean(text, piece_characters)
    except RefusedText as refusal:
        return str(refusal)


def _cleaned(text: str) -> None:
    with suppress(RefusedText):
        clean(text)
