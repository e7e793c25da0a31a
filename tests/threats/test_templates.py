"""Every hostile template against a running operator and sidecar: refused, or bounded when rendered; nobody dies of it."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.dev.stack import Stack
from tests.threats.listed import BOUNDED, REFUSED, VALUES, VARIABLES
from tests.threats.others import HEAVY, OTHERS
from tests.threats.running import API_SERVER, NOBODY, OPERATOR, RENDER, Memory, Running

pytestmark = pytest.mark.cluster

SECONDS = 20.0
"""All of a corpus at once, on a machine on which others work too; `make threats` measures one at a time."""
MEBIBYTES = 50


def contents(templates: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Templates as contents with every variable declared."""
    return {name: {"text": template, "variables": VARIABLES} for name, template in templates.items()}


@pytest.fixture(scope="module")
def running(stack: Stack) -> Running:
    """The operator and sidecar that the session shares."""
    return Running(stack)


@pytest.mark.parametrize(
    ("hostile", "values", "gates"),
    [
        pytest.param(contents(REFUSED), {}, {API_SERVER, OPERATOR}, id="what must not be admitted"),
        pytest.param(contents(BOUNDED), VALUES, {RENDER}, id="what is admitted and too much to render"),
        pytest.param(OTHERS, HEAVY, {API_SERVER, OPERATOR, RENDER, NOBODY}, id="others of the same kinds"),
    ],
)
def test_hostile_templates_end_in_a_refusal(
    running: Running, hostile: dict[str, dict[str, Any]], values: dict[str, Any], gates: set[str]
) -> None:
    before = running.processes()
    memory = Memory(before)
    verdicts = running.try_out(hostile, values)

    assert [each for each in verdicts if each.gate not in gates or each.seconds > SECONDS] == []
    assert running.processes() == before
    assert max(memory.growth().values()) < MEBIBYTES
    assert running.renders()
