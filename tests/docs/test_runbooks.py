"""Whoever is woken by Degraded or Stalled finds the reason that stands there in the runbook."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops.api import reasons
from promptops.domain import reconcile

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
HANDED_ON = {
    "author": (
        reasons.CONTENT_UNCHECKABLE,
        reasons.ENGINE_CRASHED,
        reasons.INCLUDE_CYCLE,
        reasons.PROJECTION_INCOMPLETE,
        reasons.PROJECTION_REFUSED,
        reasons.PROJECTION_TAKEN,
        reasons.TESTS_FAILED,
        reasons.VERSION_INVALID,
    ),
    "arrival": (reasons.INCLUDE_NOT_FOUND, reasons.PROJECTION_REFUSED, reasons.PROJECTION_TAKEN),
}
"""Who is waited for → reasons that are handed on from what looking at a content, or writing a ConfigMap, found."""


def obstacles() -> Iterator[tuple[str, str]]:
    """Yield reason and who is waited for of everything that the decisions know to stand in a Prompt's way."""
    for file in Path(reconcile.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name("Obstacle"), args=[ast.Attribute(ast.Name("reasons"), name), _, *waited]):
                    for who in (
                        each.value for asked in waited for each in ast.walk(asked) if isinstance(each, ast.Constant)
                    ):
                        yield getattr(reasons, name), str(who)
                    if not waited:
                        yield getattr(reasons, name), "author"


def told(runbook: str) -> set[str]:
    """Return the reasons in the first column of a runbook's table."""
    rows = re.findall(r"^\| (`.*?) \|", (RUNBOOKS / runbook).read_text(), re.MULTILINE)
    return {reason for row in rows for reason in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(
    ("waiting", "runbook"),
    [
        pytest.param({"author"}, "promptops_prompts_stalled.md", id="what only an edit helps"),
        pytest.param({"arrival"}, "promptops_prompts_degraded.md", id="what may still come by itself"),
    ],
)
def test_every_reason_of_a_prompt_is_in_the_runbook(waiting: set[str], runbook: str) -> None:
    known = {reason for reason, who in obstacles() if who in waiting}
    known |= {reason for who in waiting for reason in HANDED_ON.get(who, ())}

    assert known - told(runbook) == set()
    assert len(known) > 3
