"""Other programs: run to their end with a bound, or an error that shows their last words."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping

from tests.e2e.cluster.errors import ClusterError

_LAST_LINES = 25
_POLL_SECONDS = 0.1


def run(
    *command: str,
    input: str | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
    within: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command; raise ClusterError when it fails (unless `check` is off) or takes longer than `within` seconds."""
    try:
        done = subprocess.run(
            command,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            env=None if environment is None else dict(environment),
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{_shown(command)} did not end within {within:.0f} s") from None
    except OSError as error:
        raise ClusterError(f"{command[0]} could not be started: {error.strerror}") from None
    if check and done.returncode:
        raise ClusterError(f"{_shown(command)} failed ({done.returncode}):\n{last_lines(done.stdout + done.stderr)}")
    return done


def last_lines(text: str, count: int = _LAST_LINES) -> str:
    """Return the end of an output, indented for an error message."""
    return "\n".join(f"  {line[:400]}" for line in text.strip().splitlines()[-count:])


def wait_until(met: Callable[[], bool], what: str, within: float = 60.0) -> None:
    """Look again and again until `met`; raise ClusterError saying `what` is missing when time is up."""
    deadline = time.monotonic() + within
    while not met():
        if time.monotonic() > deadline:
            raise ClusterError(f"not within {within:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)


def _shown(command: tuple[str, ...]) -> str:
    return " ".join(command)[:200]
