"""README from top to bottom by copy and paste, in a fresh clone: `make readme`. Prints how long each block takes.

What needs a cluster with a registry is tried by tests/e2e/test_readme.py. LEAVE_OUT names more that shall not be typed, by its
beginning: make readme LEAVE_OUT="make test". COLD=1 begins with an empty cache, as a new machine does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from promptops.settings.dev import DevSettings
from tests.docs.pages import ROOT, Step, steps

NEEDS_A_CLUSTER: Final = "Install it"
_END: Final = "-- the end of a block --"
_HIDDEN: Final = ("PROMPTOPS_", "PYTHON", "KUBE", "VIRTUAL_ENV", "MAKE", "MFLAGS")


class Shell:
    """A shell in a clone, with a home of its own."""

    def __init__(self, home: Path, clone: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
        own = f"{ROOT}/.venv/bin"
        environment["PATH"] = ":".join(folder for folder in environment["PATH"].split(":") if folder != own)
        environment["HOME"] = str(home)
        if not os.environ.get("COLD"):
            environment["PROMPTOPS_CACHE"] = str(DevSettings.from_environment().cache)
        self._bash = subprocess.Popen(
            ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
            cwd=clone,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, text: str) -> str | None:
        """Type something and show what comes of it; return that, or None when it failed."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{text}\nprintf '\\n{_END}\\n'\n")
        self._bash.stdin.flush()
        said: list[str] = []
        for line in self._bash.stdout:
            if line == f"{_END}\n":
                return "".join(said)
            said.append(line)
            print(f"    {line}", end="", flush=True)
        return None

    def leave(self) -> None:
        """Close it."""
        assert self._bash.stdin
        self._bash.stdin.close()
        self._bash.wait()


def typed(step: Step, left_out: tuple[str, ...]) -> str:
    """Return what to type of a block."""
    lines = step.typed.splitlines(keepends=True)
    return "".join(line for line in lines if not (left_out and line.startswith(left_out)))


def main() -> None:
    """Type README; exit 1 at the first block that fails or does not say what the page says."""
    left_out = tuple(filter(None, os.environ.get("LEAVE_OUT", "").split(",")))
    durations: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="readme-") as home:
        clone = Path(home) / "promptops"
        begun = time.monotonic()
        subprocess.run(("git", "clone", "--quiet", str(ROOT), str(clone)), check=True)
        durations.append(("git clone", f"{time.monotonic() - begun:.1f} s"))
        shell = Shell(Path(home), clone)
        for step in steps("README.md"):
            durations.append(_type(shell, step, left_out))
        shell.leave()
    for what, took in durations:
        print(f"{took:>10}  {what}")


def _type(shell: Shell, step: Step, left_out: tuple[str, ...]) -> tuple[str, str]:
    text = "" if step.heading == NEEDS_A_CLUSTER else typed(step, left_out)
    first = step.typed.splitlines()[0]
    print(f"== {step.heading}: {first}", flush=True)
    if not text:
        return f"{step.heading}: {first}", "left out"
    begun = time.monotonic()
    said = shell.type(text)
    if said is None:
        sys.exit(f"README fails at {step.heading}: {first}")
    if missing := [line for line in step.expected if line not in said]:
        sys.exit(f"README says what does not come at {step.heading}: {missing}")
    return f"{step.heading}: {first}", f"{time.monotonic() - begun:.1f} s"


if __name__ == "__main__":
    main()
