"""A tier is written until it holds what it should; one that hangs holds up neither a start, nor a swap, nor an end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops.api import reasons
from promptops.cache.tiers import keeper as keepers
from promptops.cache.tiers.disk import Disk, folder_of
from promptops.cache.tiers.keeper import Keeper
from promptops.cache.view import View
from tests.cache.scribe import SCOPE, Scribe, entry, held_blobs
from tests.cache.tiers.test_disk import Opened, of, taken
from tests.support.waiting import until, wait_until

scribe = Scribe()
VIEW = taken(None, 1, entry("greeting", "v1"), texts=("v1",))


def later(view: View, seq: int, text: str) -> View:
    return taken(view, seq, entry("greeting", text, revision=seq), texts=(text,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


@pytest.fixture
def keeper(path: Path) -> Iterator[Keeper]:
    made = Keeper(Disk(path, scribe.verifier), lambda *_: None)
    made.start()
    yield made
    made.close()


def test_a_revocation_that_could_not_be_written_is_written_when_it_can_be(keeper: Keeper, path: Path) -> None:
    assert keeper.save(VIEW, None, 1.0).result(10)
    blobs = path / folder_of(SCOPE)
    moved = path.with_name("elsewhere")
    # The disk is away: a file stands where the folder was.
    blobs.rename(moved)
    blobs.write_text("in the way")

    assert not keeper.drop(SCOPE, scribe.revocation(5)).result(10)
    assert keeper.problem is not None
    blobs.unlink()
    moved.rename(blobs)
    wait_until(lambda: keeper.holds_everything() or None, "the revocation is not written")

    keeper.close()
    loaded = Opened(path).loaded()
    assert loaded is not None
    assert (loaded.view, loaded.floor) == (None, scribe.verifier.verify_revocation(scribe.revocation(5)).position)
    assert keeper.problem is None


def test_only_the_latest_of_what_waits_is_written(path: Path) -> None:
    disk, hanging, saved = Disk(path, scribe.verifier), threading.Event(), list[int]()

    class Slow(Disk):
        def save(self, view: View, step: object, confirmed_at: float) -> bool:
            hanging.wait(20)
            saved.append(view.header.seq)
            return disk.save(view, None, confirmed_at)

    keeper = Keeper(Slow(path, scribe.verifier), lambda *_: None)
    keeper.start()
    view = VIEW
    tried = [keeper.save(view, None, 1.0)]
    for seq in range(2, 30):
        view = later(view, seq, f"v{seq}")
        tried.append(keeper.save(view, None, 1.0))
    hanging.set()

    assert tried[-1].result(10)
    assert len(saved) <= 2
    assert saved[-1] == 29
    assert all(each.done() for each in tried)
    keeper.close()


@pytest.fixture
def hanging(path: Path) -> Path:
    """A directory whose base is a pipe that nobody writes to."""
    (path / folder_of(SCOPE)).mkdir(parents=True)
    os.mkfifo(path / folder_of(SCOPE) / "base")
    return path


async def test_a_disk_that_hangs_is_waited_for_once(hanging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "SLOW_SECONDS", 0.2)
    told: list[str] = []
    keeper = Keeper(Disk(hanging, scribe.verifier), lambda reason, _: told.append(reason))
    keeper.start()
    await until(lambda: keeper.problem == reasons.SNAPSHOT_SLOW)
    begun = time.monotonic()

    kept = [await keeper.wait(keeper.save(later(VIEW, seq, "x"), None, 1.0)) for seq in range(2, 52)]

    assert kept == [False] * 50
    assert time.monotonic() - begun < 5
    begun = time.monotonic()
    keeper.close()
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("file", ["base", "journal", "stamp", "lock", ".base.tmp", ".journal.tmp", ".stamp.tmp"])
def test_a_process_whose_disk_hangs_ends(path: Path, file: str) -> None:
    (path / folder_of(SCOPE) / "blobs").mkdir(parents=True)
    os.mkfifo(path / folder_of(SCOPE) / file)
    program = (
        "import sys, concurrent.futures\n"
        "from pathlib import Path\n"
        "from promptops.cache.tiers.disk import Disk\n"
        "from promptops.cache.tiers.keeper import Keeper\n"
        "from tests.cache.tiers.test_keeper import VIEW, scribe\n"
        "keeper = Keeper(Disk(Path(sys.argv[1]), scribe.verifier), lambda *_: None)\n"
        "keeper.start()\n"
        "concurrent.futures.wait([keeper.loaded, keeper.save(VIEW, None, 1.0)], 1)\n"
        "keeper.stamp(VIEW.header.scope, VIEW.position, 2.0)\n"
        "keeper.close()\n"
    )

    done = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_kept_is_there_when_it_is_said_to_be(keeper: Keeper, path: Path) -> None:
    assert keeper.loaded.result(10) == ()
    assert keeper.save(VIEW, None, 1.0).result(10)
    keeper.close()

    assert Opened(path).served() == of("v1")
    assert held_blobs("v1") == VIEW.blobs
