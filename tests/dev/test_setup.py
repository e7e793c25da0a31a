"""`make setup` finds a Python that works, not one that merely has the name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def find_python(root: Path, path: Path, python: str = "") -> subprocess.CompletedProcess[str]:
    # Bash and nothing else: what is on this machine's PATH must not decide.
    environment = {"PATH": str(path)} | ({"PYTHON": python} if python else {})
    return subprocess.run(
        ("/bin/bash", str(root / ".ci" / "python")), env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3").chmod(0o755)
    return tmp_path


def test_a_stand_in_is_passed_over(root: Path, stand_in: Path) -> None:
    (stand_in / "python3.12").symlink_to(os.path.realpath(sys.executable))

    assert find_python(root, stand_in).stdout == f"{stand_in}/python3.12\n"


def test_without_a_usable_python_the_advice_is_clear(root: Path, stand_in: Path) -> None:
    found = find_python(root, stand_in)

    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("No Python ≥ 3.11 with its venv module was found on PATH.\nWhat helps: install one")


def test_the_user_may_name_one(root: Path, stand_in: Path) -> None:
    assert find_python(root, stand_in, sys.executable).stdout == f"{sys.executable}\n"
