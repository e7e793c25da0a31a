"""Where a node's files can lie on this machine, and whether the kernel can stack layers there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.cluster.commands import run
from tests.e2e.cluster.machine import program

MEMORY = Path("/dev/shm")
"""A folder in memory."""
_ENOUGH_KIBIBYTES = 5 * 1024 * 1024


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


def has_memory(memory: str) -> bool:
    """Tell whether a node's files fit into memory, given the text of /proc/meminfo. They come to about 1 GiB."""
    available = next((line.split()[1] for line in memory.splitlines() if line.startswith("MemAvailable:")), "0")
    return int(available) >= _ENOUGH_KIBIBYTES
