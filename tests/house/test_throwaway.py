"""Two commands at once have a plane each, and what a command leaves behind is gone with it, or with the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.throwaway import throwaway_folder

ROOT = Path(__file__).parents[2]
HOLDS = """
import signal, sys
from pathlib import Path
from tests.support.throwaway import throwaway_folder, until_told_to_end
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
with until_told_to_end(), throwaway_folder(Path(sys.argv[1]), "isolation") as folder:
    folder.mkdir()
    print(folder.name, flush=True)
    signal.pause()
"""


def test_each_has_a_folder_of_its_own(tmp_path: Path) -> None:
    with (
        throwaway_folder(tmp_path, "isolation") as first,
        throwaway_folder(tmp_path, "isolation") as second,
        throwaway_folder(tmp_path, "threats") as other,
    ):
        names = [each.name for each in (first, second, other)]

    assert names == ["isolation-1", "isolation-2", "threats-1"]


def test_a_folder_is_gone_when_it_fails(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), throwaway_folder(tmp_path, "isolation") as folder:
        (folder / "logs").mkdir(parents=True)
        raise ZeroDivisionError

    assert not folder.exists()


@pytest.mark.parametrize(
    ("how", "is_left"),
    [
        pytest.param(signal.SIGINT, False, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, False, id="told to end"),
        pytest.param(signal.SIGKILL, True, id="killed: the next one tidies up"),
    ],
)
def test_however_it_ends_nothing_is_left_in_the_end(tmp_path: Path, how: signal.Signals, is_left: bool) -> None:
    command = (sys.executable, "-c", HOLDS, str(tmp_path))
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    folder = tmp_path / "planes" / process.stdout.readline().strip()

    process.send_signal(how)

    assert process.wait(60) != 0
    process.stdout.close()
    assert folder.exists() is is_left
    with throwaway_folder(tmp_path, "isolation") as next_one:
        assert (next_one, next_one.exists()) == (folder, False)
