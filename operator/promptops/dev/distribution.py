"""Programs of others on this machine: the one that is installed, or Debian's, unpacked into the cache and not installed."""

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


@dataclass(frozen=True)
class Package:
    """A program as a distribution has it."""

    name: str
    packages: tuple[str, ...]
    """It, and of what it needs whatever is not everywhere."""
    folder: str = "usr/bin"

    @property
    def hint(self) -> str:
        """What brings it."""
        return f"apt-get install {self.packages[0]}, or whatever brings it here; it is looked for in PATH"


REDIS: Final = Package("redis-server", ("redis-server", "redis-tools", "libjemalloc2", "liblzf1"))
NGINX: Final = Package("nginx", ("nginx",), "usr/sbin")
WRK: Final = Package("wrk", ("wrk", "libluajit-5.1-2"))


@dataclass(frozen=True)
class DistributedProgram:
    """The program, and what its environment has to say."""

    path: Path
    environment: dict[str, str]

    def version(self, package: Package) -> str:
        """Return what it says of itself. Raises BinaryUnusable when it does not run."""
        try:
            # wrk says its version and then ends as if something were wrong.
            said = subprocess.run((str(self.path), "-v"), env=self.surroundings, capture_output=True, text=True)
        except OSError as error:
            raise BinaryUnusable(f"{self.path} does not run: {error}", package.hint) from None
        words = f"{said.stdout} {said.stderr}".strip()
        if package.name.split("-")[0] not in words.lower() or "shared libraries" in words:
            raise BinaryUnusable(f"{self.path} does not run: {words}", package.hint)
        return words.splitlines()[0]

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment to run it in."""
        return os.environ | self.environment


def provide(package: Package, settings: DevSettings, progress: Progress) -> DistributedProgram:
    """Return a program, fetching it when it is nowhere. Raises BinaryUnusable with the command that would bring it."""
    if installed := shutil.which(package.name):
        return DistributedProgram(Path(installed), {})
    folder = settings.cache / "bin" / package.name
    if not folder.exists():
        with only_one(settings.cache / "bin" / f".{package.name}", progress):
            if not folder.exists():
                progress.say(f"[{package.name}] fetching it from the distribution")
                _fetch(package, folder)
    found = _unpacked(package, folder)
    found.version(package)
    return found


def _unpacked(package: Package, folder: Path) -> DistributedProgram:
    libraries = ":".join(str(path) for path in sorted((folder / "usr" / "lib").glob("*-linux-gnu*")))
    return DistributedProgram(
        folder / package.folder / package.name, {"LD_LIBRARY_PATH": libraries} if libraries else {}
    )


def _fetch(package: Package, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{package.name}-", dir=folder.parent) as work:
        try:
            _run(package, Path(work), "apt-get", "download", *package.packages)
        except BinaryUnusable:
            _run(package, Path(work), "apt-get", "update")  # a machine that has never been asked knows no packages
            _run(package, Path(work), "apt-get", "download", *package.packages)
        for file in sorted(Path(work).glob("*.deb")):
            _run(package, Path(work), "dpkg", "-x", str(file), "root")
        (Path(work) / "root").rename(folder)


def _run(package: Package, folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        raise BinaryUnusable(
            f"there is no {package.name}, and no {command[0]} to fetch it with", package.hint
        ) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["(it said nothing)"]
        raise BinaryUnusable(f"{package.name} could not be fetched: {' '.join(command[:2])}: {lines[-1]}", package.hint)
