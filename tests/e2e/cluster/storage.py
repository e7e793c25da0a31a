"""Whether layers can be stacked by the kernel here, or must be copied."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.cluster.commands import run
from tests.e2e.cluster.machine import program


def overlay_works(folder: Path) -> bool:
    """Try an overlay mount in `folder`, seen by nobody else. It fails where the folder lies on an overlay itself."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".overlay-", dir=folder) as trial:
        parts = {name: Path(trial) / name for name in ("lower", "upper", "work", "merged")}
        for part in parts.values():
            part.mkdir()
        options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        mount = (program("mount") or "mount", "-t", "overlay", "overlay", "-o", options, str(parts["merged"]))
        return run(program("unshare") or "unshare", "--mount", *mount, check=False).returncode == 0
