"""README and *Getting started*, typed in by a program: every block in order, in one shell, on one plane."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops.dev import binaries
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(bash|yaml|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLANE = "first-hour"


def blocks(page: str, first: str = "", last: str = "") -> list[tuple[str, str]]:
    """Return language and body of each block of a page, between two of its headings."""
    text = (ROOT / page).read_text()
    begin, end = text.index(first), text.index(last) if last else len(text)
    found = BLOCK.findall(text[begin:end])
    assert found
    return found


def script(page: list[tuple[str, str]], yaml_file: str = "unnamed.yaml") -> Iterator[tuple[str, list[str]]]:
    """Yield what to type, and the lines that must come of it."""
    for number, (language, body) in enumerate(page):
        following = page[number + 1] if number + 1 < len(page) else ("", "")
        expected = following[1].splitlines() if following[0] == "text" else []
        if language == "bash":
            yield body, expected
        elif language == "yaml":
            yield f"cat > {yaml_file} <<'EOF'\n{body}EOF\n", []
        elif language == "python":
            yield f"python3 - <<'EOF'\n{body}EOF\n", expected


@pytest.fixture
def shell(dev_settings: DevSettings, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody whose shell knows promptops and who has a plane of no other name."""
    binaries.control_plane(dev_settings, Progress())
    command = tmp_path / "bin" / "promptops"
    command.parent.mkdir()
    # One plane among others: its folder is the only thing that a page does not name.
    options = f'"$@" $([ "$1" = dev ] && echo --name {PLANE}-{os.getpid()})'
    command.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT / 'operator'} {sys.executable} -m promptops.cli.main {options}\n")
    command.chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PROMPTOPS_", "PYTHON", "KUBE"))
    }
    environment |= {
        "PATH": f"{command.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PROMPTOPS_CACHE": str(dev_settings.cache),
        "PYTHONPATH": str(ROOT / "operator"),
    }
    yield environment
    subprocess.run((str(command), "dev", "down"), env=environment, check=False, capture_output=True)


def test_every_block_does_what_it_says(shell: dict[str, str], tmp_path: Path) -> None:
    readme = list(script(blocks("README.md", "## Try it", "## Install"), "welcome.yaml"))
    started = list(script(blocks("docs/getting-started.md")))
    steps = [*readme, *started]
    own = shlex.quote(f"{tmp_path / 'bin'}")
    # `dev env` puts the installed promptops first; the one that names its plane has to stay before it.
    typed = "".join(f"printf '\\n=== %s\\n' step\n{body}\nexport PATH={own}:$PATH\n" for body, _ in steps)

    done = subprocess.run(
        ("bash", "-euo", "pipefail", "-c", typed), cwd=tmp_path, env=shell, capture_output=True, text=True, timeout=280
    )

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    said = done.stdout.split("\n=== step\n")[1:]
    missing = [
        (body, line)
        for (body, expected), output in zip(steps, said, strict=True)
        for line in expected
        if line not in output
    ]
    assert missing == []
    assert "Hello Ada, how can I help? 1.0.0" in done.stdout
