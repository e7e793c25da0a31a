"""README, *Getting started* and *Large texts*, typed in by a program: every block in order, in one shell, on one plane."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops.dev import binaries
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.docs.pages import ROOT, Step, steps

pytestmark = pytest.mark.cluster

PLANE = f"first-hour-{os.getpid()}"


@pytest.fixture
def shell(dev_settings: DevSettings, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody whose shell knows promptops and who has a plane of no other name."""
    binaries.control_plane(dev_settings, Progress())
    command = tmp_path / ".venv" / "bin" / "promptops"
    command.parent.mkdir(parents=True)
    # One plane among others: its folder is the only thing that a page does not name.
    options = f'"$@" $([ "$1" = dev ] && echo --name {PLANE})'
    command.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT / 'operator'} {sys.executable} -m promptops.cli.main {options}\n")
    command.chmod(0o755)
    hidden = ("PROMPTOPS_", "PYTHON", "KUBE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {
        "PATH": f"{command.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PROMPTOPS_CACHE": str(dev_settings.cache),
        "PYTHONPATH": str(ROOT / "operator"),
    }
    yield environment
    subprocess.run((str(command), "dev", "down"), env=environment, check=False, capture_output=True)


def test_every_block_does_what_it_says(shell: dict[str, str], tmp_path: Path) -> None:
    readme = steps("README.md", "## Try it", "## Without a cluster")
    *page, clean_up = steps("docs/getting-started.md")

    missing, said = typed_in([*readme, *page, *steps("docs/guides/large-texts.md"), clean_up], shell, tmp_path)

    assert missing == []
    assert "Hello Ada, how can I help? 1.0.0" in said


def typed_in(page: list[Step], environment: dict[str, str], folder: Path) -> tuple[list[tuple[str, str]], str]:
    """Type every block; return the lines that did not come, each with its block, and all that was said."""
    own = environment["PATH"].partition(":")[0]
    # `dev env` puts the installed promptops first; the one that names its plane has to stay before it.
    text = "".join(f"printf '\\n=== step\\n'\n{step.typed}\nexport PATH={own}:$PATH\n" for step in page)
    command = ("bash", "-euo", "pipefail", "-c", text)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    outputs = done.stdout.split("\n=== step\n")[1:]
    answered = zip(page, outputs, strict=True)
    return [
        (step.typed, line) for step, output in answered for line in step.expected if line not in output
    ], done.stdout
