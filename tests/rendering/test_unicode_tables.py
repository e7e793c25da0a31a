"""The tables of the Unicode policy are those of the version that they name, and every Python agrees where it can."""

from __future__ import annotations

import unicodedata

import unicodedata2

from promptops.codegen.unicode import OLDEST, TARGET, written
from promptops.rendering import unicode_tables
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
