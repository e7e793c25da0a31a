"""Processes are recognised by their mark, end within a bound, and leave their last words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops.dev import processes
from promptops.dev.errors import ProcessFailed
from promptops.dev.plane import loopback
from promptops.dev.processes import Command

WAITING = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITING


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path

    for name in processes.running(tmp_path):
        processes.stop(tmp_path, name, signal.SIGKILL)


def start(folder: Path, name: str, code: str) -> None:
    process = processes.start(Command(name, (sys.executable, "-c", code)), folder, os.environ)
    log = processes.log_file(folder, name)
    processes.wait_until(lambda: "ready" in log.read_text(), process, name=name, folder=folder, within=10, what="ready")


def test_only_the_plane_s_own_processes_are_found(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    start(folder, "ours", WAITING)
    start(other, "theirs", WAITING)

    assert set(processes.running(folder)) == {"ours"}

    processes.stop(folder, "theirs", within=1)
    assert set(processes.running(other)) == {"theirs"}
    processes.stop(other, "theirs")


def test_a_process_that_ignores_the_signal_is_killed(folder: Path) -> None:
    start(folder, "stubborn", STUBBORN)

    processes.stop(folder, "stubborn", within=0.2)

    assert processes.running(folder) == {}


def test_the_starter_need_not_live(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from promptops.dev.processes import Command, start; "
        f"start(Command('orphan', (sys.executable, '-c', {WAITING!r})), Path({str(folder)!r}), os.environ); os._exit(9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run((sys.executable, "-c", code), env=environment, check=False)

    found = processes.running(folder)
    processes.stop(folder, "orphan")

    assert set(found) == {"orphan"}
    assert processes.running(folder) == {}


def test_an_early_end_is_told_with_the_last_words(folder: Path) -> None:
    command = Command("brief", (sys.executable, "-c", "raise SystemExit('port 1 is taken')"))
    process = processes.start(command, folder, os.environ)

    with pytest.raises(ProcessFailed, match=r"^brief ended before it was ready:\n  port 1 is taken$"):
        processes.wait_until(lambda: False, process, name="brief", folder=folder, within=10, what="it was ready")


def test_a_command_that_does_not_exist(folder: Path) -> None:
    with pytest.raises(ProcessFailed, match=r"^ghost could not be started: No such file or directory$"):
        processes.start(Command("ghost", (str(folder / "ghost"),)), folder, os.environ)


def test_a_child_is_not_led_astray() -> None:
    inherited = {"KUBECONFIG": "/production", "PROMPTOPS_SOCKET": "/other", "PATH": "/bin", "NO_PROXY": "example.com"}

    assert loopback(inherited) == {"PATH": "/bin", "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
