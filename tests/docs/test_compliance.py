"""What the page on compliance says is proved by tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guides" / "compliance.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests of a file."""
    path = ROOT / file
    body = ast.parse(path.read_text()).body if path.is_file() else []
    found = (each.name for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name for name in found if name.startswith("test_"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[2].strip())
def test_each_claim_is_proved_by_tests_that_are_there(row: str) -> None:
    named = NAMED.findall(row)

    missing = [f"{file}::{name}" for file, name in named if name not in names_in(file)]

    assert named, "nothing proves it"
    assert row.count("tests/") == len(named)
    assert missing == []
