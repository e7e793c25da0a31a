"""The tables of the Unicode policy are those of the version that they name, and every Python agrees where it can."""

from __future__ import annotations

import itertools
import unicodedata

import unicodedata2
from hypothesis import given
from hypothesis import strategies as st

from promptops.codegen.unicode import OLDEST, TARGET, written
from promptops.rendering import unicode, unicode_tables
from promptops.rendering.unicode import RefusedText, clean


def test_the_tables_are_generated() -> None:
    is_oldest = unicodedata.unidata_version == OLDEST  # only the oldest Python can tell what is younger than it
    expected = written(unicodedata2) if is_oldest else TARGET.read_text(encoding="utf-8")

    assert TARGET.read_text(encoding="utf-8") == expected
    assert unicodedata2.unidata_version == unicode_tables.VERSION


def test_every_character_has_one_verdict_in_every_python() -> None:
    disagreeing = [
        hex(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in ("Lu", "Ll", "Lo", "Nd", "So", "Po", "Sm")
        and not 0xE0000 <= code < 0xE1000
        if refused(chr(code))
    ]

    assert disagreeing == []


def refused(text: str) -> bool:
    try:
        clean(text)
    except RefusedText:
        return True
    return False


def test_a_letter_younger_than_the_oldest_python_is_taken() -> None:
    assert unicode_tables.VERSION == "17.0.0"
    assert clean("\U0001fae9").text == "\U0001fae9"  # a face of Unicode 16


def test_the_quick_look_takes_no_character_that_the_long_way_refuses_or_changes() -> None:
    taken = "".join(filter(unicode.is_clean, map(chr, range(0x110000))))

    assert len(taken) > 150_000
    assert unicode._allowed().fullmatch(taken)
    assert unicode._INVISIBLE.search(taken) is None
    assert unicodedata2.normalize("NFC", taken) == taken


@given(
    st.text(
        st.sampled_from("ab\t\n\r\x00\x1f\x7f\x9fé\u0301\u0345\u1100\u1161漢\u200b\u200d\ufe0f\ufeffﬁ👍\ud800\ue000")
    )
)
def test_what_the_quick_look_takes_the_long_way_leaves(text: str) -> None:
    assert not unicode.is_clean(text) or long_way(text) == text


def test_several_texts_are_clean_when_each_of_them_is() -> None:
    texts = ("ab", "", "e", "é", "漢", "漢\r", "\n漢", "a\r", "\nb", "\x07", "\u0301", "👍\ufe0f", "\ufe0f")

    groups = [*itertools.product(texts, repeat=2), *itertools.product(texts, repeat=3)]
    judged = [each for each in groups if unicode.are_clean(each, " ".join(each))]

    assert judged == [each for each in groups if all(map(unicode.is_clean, each))]


def long_way(text: str) -> str | None:
    """Return what the policy makes of a text, asked without the quick look; None when it refuses."""
    try:
        unicode._refuse_characters(text)
    except RefusedText:
        return None
    normal: str = unicodedata2.normalize("NFC", unicode._INVISIBLE.sub("", text))
    return normal
