"""What takes long is announced, gives signs of life, and says how long it took; never the end of what failed."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from promptops.dev.progress import Progress


def test_a_log_gets_plain_lines() -> None:
    said, seconds = io.StringIO(), itertools.count(step=20.0)

    with Progress(Console(file=said), clock=lambda: next(seconds)).step("building it", 150) as show:
        show("the first package")

    assert said.getvalue() == (
        "building it (about 150 s on two cores)…\n  20 s: the first package\nbuilding it… done in 40.0 s\n"
    )


def test_a_terminal_gets_a_living_line() -> None:
    said = io.StringIO()

    with Progress(Console(file=said, force_terminal=True, width=100), clock=lambda: 0.0).step(
        "building it", 150
    ) as show:
        show("a [package]")

    assert "a [package]" in said.getvalue()
    assert said.getvalue().endswith("building it… done in 0.0 s\n")


def test_what_failed_is_not_done() -> None:
    said = io.StringIO()

    with pytest.raises(OSError, match="full"), Progress(Console(file=said)).step("building it"):
        raise OSError("the disk is full")

    assert said.getvalue() == "building it…\n"
