"""The chart's own suites, run by helm-unittest as `helm unittest helm/promptops` would: they have a test for each way of each switch."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.every_value import Value, every_value

CHART = Path(__file__).parents[2] / "helm" / "promptops"
SUITES = sorted((CHART / "tests").glob("*_test.yaml"))
SWITCHES = [
    value
    for value in every_value(CHART)
    if value.schema.get("type") == "boolean" or "enum" in value.schema or value.path.endswith("replicas")
]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.stem)
def test_suite(suite: Path, binary: Callable[[str], Path]) -> None:
    command = (str(binary("helm-unittest")), "--color=false", f"--file=tests/{suite.name}", str(CHART))

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    tests = len(yaml.safe_load(suite.read_text())["tests"])
    assert f"Tests:       {tests} passed, {tests} total" in done.stdout


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.path)
def test_every_way_of_a_switch_is_tried(switch: Value) -> None:
    tried = [each["set"][switch.path] for each in cases() if switch.path in each.get("set", {})]

    assert [other for other in ways_of(switch) if other not in tried] == []


def ways_of(switch: Value) -> list[Any]:
    """What it can be set to besides its default; of how many there are, several more than one."""
    if switch.schema.get("type") == "integer":
        return [3]
    return [each for each in switch.schema.get("enum", (True, False)) if each != switch.default]


def cases() -> Iterator[dict[str, Any]]:
    """Every test of every suite."""
    for suite in SUITES:
        yield from yaml.safe_load(suite.read_text())["tests"]
