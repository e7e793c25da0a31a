"""A picture of a terminal is drawn by whatever draws SVG, and every word stands where it stood."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from rich.table import Table

from promptops.cli import pictures

SVG = "{http://www.w3.org/2000/svg}"


def words(picture: str) -> dict[str, tuple[float, float]]:
    """Return where each word begins; the title is left out."""
    terminal = ElementTree.fromstring(picture).find(f"{SVG}g")  # noqa: S314
    assert terminal is not None
    return {each.text or "": (float(each.attrib["x"]), float(each.attrib["y"])) for each in terminal.iter(f"{SVG}text")}


def test_words_of_a_column_begin_below_each_other() -> None:
    found = words(pictures.of_text("t", "NAME     READY\ngreeting <True>\n"))

    assert found["NAME"][0] == found["greeting"][0]
    assert found["READY"][0] == found["<True>"][0]
    assert found["greeting"][1] > found["NAME"][1]


def test_a_table_of_rich() -> None:
    table = Table("step", "time")
    table.add_row("“activate”", "40 ms")

    assert {"step", "time", "“activate”", "40", "ms"} <= words(pictures.of_console("t", table)).keys()


def test_it_fetches_nothing_and_says_its_own_colours() -> None:
    drawn = pictures.of_text("t", "$ kubectl get prompts")

    assert "url(" not in drawn
    assert re.findall(r"https?://\S+", drawn) == ['http://www.w3.org/2000/svg"']
    assert all("fill=" in each for each in re.findall(r"<(?:text|rect)[^>]*>", drawn))


def test_what_is_too_wide_is_refused() -> None:
    with pytest.raises(ValueError, match="81 columns are more than 80"):
        pictures.of_text("t", "x" * 81)
