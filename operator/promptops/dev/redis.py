"""A Redis server on this machine: the one that is installed, or Debian's, unpacked into the cache and not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from promptops.dev.errors import BinaryUnusable
from promptops.dev.locking import only_one
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings

_NAME: Final = "redis-server"
_PACKAGES: Final = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1")
"""It, and of what it needs whatever is not everywhere."""
_HINT: Final = "apt-get install redis-server, or whatever brings it here; it is looked for in PATH"


@dataclass(frozen=True)
class RedisBinary:
    """The program, and what its environment has to say."""

    path: Path
    environment: dict[str, str]

    def version(self) -> str:
        """Return what it says of itself. Raises BinaryUnusable when it does not run."""
        command = (str(self.path), "--version")
        try:
            said = subprocess.run(
                command, env=os.environ | self.environment, capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            detail = getattr(error, "stderr", "") or str(error)
            raise BinaryUnusable(f"{self.path} does not run: {detail.strip()}", _HINT) from None
        return said.stdout.strip()


def provide(settings: DevSettings, progress: Progress) -> RedisBinary:
    """Return the server, fetching it when it is nowhere. Raises BinaryUnusable with the command that would bring it."""
    if installed := shutil.which(_NAME):
        return RedisBinary(Path(installed), {})
    folder = settings.cache / "bin" / _NAME
    if not folder.exists():
        with only_one(settings.cache / "bin" / "redis", progress):
            if not folder.exists():
                progress.say("[redis] fetching redis-server from the distribution")
                _fetch(folder)
    found = _unpacked(folder)
    found.version()
    return found


def _unpacked(folder: Path) -> RedisBinary:
    libraries = ":".join(str(path) for path in sorted((folder / "usr" / "lib").glob("*-linux-gnu*")))
    return RedisBinary(folder / "usr" / "bin" / _NAME, {"LD_LIBRARY_PATH": libraries})


def _fetch(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".redis-", dir=folder.parent) as work:
        try:
            _run(Path(work), "apt-get", "download", *_PACKAGES)
        except BinaryUnusable:
            _run(Path(work), "apt-get", "update")  # a machine that has never been asked knows no packages
            _run(Path(work), "apt-get", "download", *_PACKAGES)
        for package in sorted(Path(work).glob("*.deb")):
            _run(Path(work), "dpkg", "-x", str(package), "root")
        (Path(work) / "root").rename(folder)


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        raise BinaryUnusable(f"there is no {_NAME}, and no {command[0]} to fetch it with", _HINT) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["(it said nothing)"]
        raise BinaryUnusable(f"{_NAME} could not be fetched: {' '.join(command[:2])}: {lines[-1]}", _HINT)
