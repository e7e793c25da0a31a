"""The reference of metrics, settings and reasons leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promptops.api import reasons
from promptops.codegen import handbook


@pytest.mark.parametrize("role", ["operator", "sidecar"])
def test_every_variable_that_a_role_reads_is_a_row(root: Path, role: str) -> None:
    read = set(
        re.findall(r'"(PROMPTOPS_\w+|KUBECONFIG)"', (root / f"operator/promptops/settings/{role}.py").read_text())
    )

    listed = set(re.findall(r"^\| `(\w+)` \|", handbook.pages()["settings.md"], re.MULTILINE))

    assert read <= listed


def test_every_setting_is_explained() -> None:
    rows = [line for line in handbook.pages()["settings.md"].splitlines() if line.startswith("| `")]

    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize(
    ("variable", "default"),
    [
        ("PROMPTOPS_COLLECTOR_URL", ""),
        ("PROMPTOPS_DATA_ADDRESS", "`127.0.0.1:8181`"),
        ("PROMPTOPS_SNAPSHOT_KEY_FILE", ""),
        ("PROMPTOPS_SOCKET_MODE", "`0660`"),
        ("PROMPTOPS_TENANCY_MODE", "`Implicit`"),
    ],
)
def test_a_default_is_what_holds_where_a_variable_is_not_set(variable: str, default: str) -> None:
    rows = [row for row in handbook.pages()["settings.md"].splitlines() if row.startswith(f"| `{variable}` |")]

    assert [row.split(" | ")[1] for row in rows] == [default]


def test_every_reason_is_listed() -> None:
    said = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}

    assert said <= set(re.findall(r"`(\w+)`", handbook.pages()["reasons.md"]))


def test_every_metric_is_explained_and_bounded_by_its_help() -> None:
    rows = re.findall(r"^\| `(promptops_\w+)` \| \w+ \| (.*) \|$", handbook.pages()["metrics.md"], re.MULTILINE)

    assert len(rows) > 20
    assert [name for name, text in rows if not text.endswith(".")] == []
