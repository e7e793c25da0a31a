"""Processes of a plane: started in a session of their own, recognised by a mark, ended within a bound.

A process is recognised by the plane's folder in its environment, not by a number on disk: a recycled
process id is never signalled, and a process whose starter was killed before it could note anything is found.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from promptops.dev.errors import ProcessFailed

PLANE_MARK = "PROMPTOPS_PLANE"
PROCESS_MARK = "PROMPTOPS_PLANE_PROCESS"
_LAST_LINES = 8
_POLL_SECONDS = 0.02
_KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Command:
    """What to run, and what it needs beside the inherited environment."""

    name: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    ready_url: str | None = None
    """Answers 200 once the process does its work."""


def start(command: Command, folder: Path, environment: Mapping[str, str]) -> psutil.Process:
    """Start `command` detached, its output appended to `logs/NAME.log`."""
    marks = {PLANE_MARK: str(folder), PROCESS_MARK: command.name}
    log = log_file(folder, command.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                command.arguments,
                env={**environment, **dict(command.environment), **marks},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessFailed(f"{command.name} could not be started: {error.strerror or error}") from None
    process.returncode = 0  # it outlives this object, which would otherwise warn when it is collected
    return psutil.Process(process.pid)


def find(folder: Path, name: str) -> tuple[psutil.Process, ...]:
    """Return the live processes of the plane in `folder` that bear `name`: one, and any children it left."""
    return tuple(process for process, marked in _marked(folder) if marked == name)


def running(folder: Path) -> dict[str, int]:
    """Return process ids by name; of processes that share a name, the oldest one."""
    found: dict[str, int] = {}
    for process, name in sorted(_marked(folder), key=lambda pair: _started(pair[0])):
        found.setdefault(name, process.pid)
    return found


def stop(folder: Path, name: str, with_signal: signal.Signals = signal.SIGTERM, within: float = 10.0) -> None:
    """Send the signal, wait, and kill what is still there after `within` seconds."""
    processes = find(folder, name)
    _send(processes, with_signal)
    alive = _gone(processes, within)
    if alive:
        _send(alive, signal.SIGKILL)
        if left := _gone(alive, _KILL_SECONDS):
            numbers = ", ".join(str(process.pid) for process in left)
            raise ProcessFailed(f"{name} (process {numbers}) does not end, not even when killed")


def wait_until(
    ready: Callable[[], bool], process: psutil.Process, *, name: str, folder: Path, within: float, what: str
) -> None:
    """Wait until `ready()`; raise ProcessFailed with the end of the log when the process ends or time is up."""
    deadline = time.monotonic() + within
    while not ready():
        if not lives(process):
            raise ProcessFailed(f"{name} ended before {what}:\n{log_end(folder, name)}")
        if time.monotonic() > deadline:
            raise ProcessFailed(f"{name}: not within {within:.0f} s {what}:\n{log_end(folder, name)}")
        time.sleep(_POLL_SECONDS)


def lives(process: psutil.Process) -> bool:
    """Tell whether any of the process is left: a killed one holds its ports until its last thread has ended."""
    try:
        return os.waitpid(process.pid, os.WNOHANG) == (0, 0)  # a child of this very process, which must reap it
    except ChildProcessError:
        pass
    try:
        return process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.Error:
        return False


def log_file(folder: Path, name: str) -> Path:
    """Return the file that a process of this name writes to."""
    return folder / "logs" / f"{name}.log"


def log_end(folder: Path, name: str) -> str:
    """Return the last lines that a process wrote, indented for an error message."""
    with suppress(FileNotFoundError):
        lines = log_file(folder, name).read_text(errors="replace").splitlines()[-_LAST_LINES:]
        return "\n".join(f"  {line[:400]}" for line in lines) or "  (it wrote nothing)"
    return "  (it wrote nothing)"


def _marked(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter():
        # Ended meanwhile, or somebody else's: neither is ours.
        with suppress(psutil.Error, OSError):
            environment = process.environ()
            if environment.get(PLANE_MARK) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                yield process, environment.get(PROCESS_MARK, "")


def _started(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return process.create_time()
    return float("inf")


def _send(processes: Sequence[psutil.Process], with_signal: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error, ProcessLookupError):
            process.send_signal(with_signal)


def _gone(processes: Sequence[psutil.Process], within: float) -> Sequence[psutil.Process]:
    """Wait for the processes to end and return those that did not."""
    deadline = time.monotonic() + within
    alive = list(processes)
    while alive := [process for process in alive if lives(process)]:
        if time.monotonic() > deadline:
            return alive
        time.sleep(_POLL_SECONDS)
    return ()
