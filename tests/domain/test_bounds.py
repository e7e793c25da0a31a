"""Texts are cut to what the API server takes, whatever they are made of."""

import pytest

from promptops.domain.bounds import cut, cut_bytes


@pytest.mark.parametrize(
    ("text", "bound", "kept"),
    [
        pytest.param("short", 5, "short", id="fits"),
        pytest.param("longer", 5, "long…", id="is cut and says so"),
        pytest.param("ééééé", 5, "ééééé", id="characters count, not bytes"),
        pytest.param("a\ud800b", 5, "a?b", id="half a character"),
        pytest.param("\ud800" * 9, 5, "????…", id="nothing but halves"),
    ],
)
def test_a_text_is_cut_by_characters(text: str, bound: int, kept: str) -> None:
    assert cut(text, bound) == kept


@pytest.mark.parametrize(
    ("text", "bound", "kept"),
    [
        pytest.param("short", 5, "short", id="fits"),
        pytest.param("longer one", 6, "lon…", id="is cut and says so"),
        pytest.param("ééé", 5, "é…", id="bytes count, never half a character"),
        pytest.param("🙂🙂", 7, "🙂…", id="four bytes each"),
    ],
)
def test_a_text_is_cut_by_bytes(text: str, bound: int, kept: str) -> None:
    assert cut_bytes(text, bound) == kept
    assert len(kept.encode()) <= bound
