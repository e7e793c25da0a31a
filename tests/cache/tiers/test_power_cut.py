"""What was acknowledged survives a power cut, and a cut at any moment leaves a state that was served.

The disk here forgets what it may: data that no fsync followed, and names whose directory was not synced.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from promptops.cache.advance import propose_index, settle
from promptops.cache.store import Step
from promptops.cache.tiers.snapshot import Snapshot
from promptops.cache.view import View
from tests.cache.scribe import SCOPE, entry, held_blobs
from tests.cache.tiers.test_snapshot import HELLO, Disk, same, scribe, stepped, whole


class PowerLost(BaseException):
    """Nothing more is done."""


class ForgetfulDisk:
    """Passes every call on, and remembers what of it would be there after a power cut."""

    def __init__(self, root: Path, patched: pytest.MonkeyPatch, calls_left: float = float("inf")) -> None:
        self._durable = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        self._root = root
        self._unsynced: list[tuple[Path, bytes | None]] = []
        """Names that were given or taken since their directory was synced, and what was there before."""
        self._open: dict[int, Path] = {}
        self._calls_left = calls_left
        self._real = {name: getattr(os, name) for name in ("open", "write", "fsync", "replace", "unlink", "ftruncate")}
        for name in self._real:
            patched.setattr(os, name, self._counted(name))

    def cut(self, *, names_survive: bool) -> None:
        """Leave what is durable. Names that were not synced may have reached the disk nevertheless."""
        for path in [path for path in self._root.rglob("*") if path.is_file() and path.name != "lock"]:
            path.write_bytes(self._durable.get(path, b""))
        for path, before in () if names_survive else reversed(self._unsynced):
            path.unlink(missing_ok=True)
            if before is not None:
                path.write_bytes(before)

    def _counted(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self._calls_left <= 0:
                raise PowerLost
            self._calls_left -= 1
            noted = getattr(self, f"_note_{name}", lambda *_: None)
            if name in ("replace", "unlink"):
                noted(*arguments)
            result = self._real[name](*arguments, **options)
            if name == "open":
                self._note_open(result, arguments[0])
            elif name == "fsync":
                self._note_fsync(arguments[0])
            return result

        return call

    def _note_open(self, descriptor: int, path: str | Path) -> None:
        self._open[descriptor] = Path(path)
        if Path(path).is_file() and Path(path) not in self._durable:
            self._unsynced.append((Path(path), None))

    def _note_fsync(self, descriptor: int) -> None:
        path = self._open[descriptor]
        if path.is_dir():
            self._unsynced = [(each, before) for each, before in self._unsynced if each.parent != path]
        else:
            self._durable[path] = path.read_bytes()

    def _note_replace(self, source: str | Path, target: str | Path) -> None:
        self._unsynced.append((Path(target), self._durable.get(Path(target))))
        self._durable[Path(target)] = self._durable.pop(Path(source), b"")

    def _note_unlink(self, path: str | Path) -> None:
        if Path(path) in self._durable:
            self._unsynced.append((Path(path), self._durable.pop(Path(path))))


Save = tuple[View, Step | None]


@pytest.fixture
def saves() -> list[Save]:
    """What is saved in turn: a whole index, a step, and a whole index again."""
    first = whole(1, HELLO, texts=("Hello",))
    second, to_second = stepped(first, entry("c", "Hey"), texts=("Hey",))
    proposal = propose_index(second, scribe.index(9, HELLO), scribe.verifier, SCOPE)
    third = settle(second, proposal, held_blobs("Hello"), "live")
    return [(first, None), (second, to_second), (third, None)]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path / "snapshot")
    assert made.load() is None
    return made


@pytest.mark.parametrize("names_survive", [True, False], ids=["names survive", "names are lost"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_was_acknowledged_survives(
    disk: Disk, saves: list[Save], monkeypatch: pytest.MonkeyPatch, count: int, names_survive: bool
) -> None:
    with monkeypatch.context() as patched:
        forgetful = ForgetfulDisk(disk.path, patched)
        writing = opened(disk)
        saved = [writing.save(view, step, 1.0) for view, step in saves[:count]]
        writing.close()
    forgetful.cut(names_survive=names_survive)

    loaded = disk.load()

    assert saved == [True] * count
    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, saves[count - 1][0])
    assert disk.errors == []


@pytest.mark.parametrize("names_survive", [True, False], ids=["names survive", "names are lost"])
def test_a_cut_at_any_moment_leaves_what_was_acknowledged_or_what_was_on_its_way(
    disk: Disk, saves: list[Save], monkeypatch: pytest.MonkeyPatch, names_survive: bool
) -> None:
    for calls in itertools.count():
        copy = Disk(disk.path.parent / f"copy-{calls}")
        shutil.copytree(disk.path, copy.path)
        with monkeypatch.context() as patched:
            forgetful = ForgetfulDisk(copy.path, patched, calls)
            acknowledged = sum(written(copy, saves))
        forgetful.cut(names_survive=names_survive)

        loaded = copy.load()

        possible = [view for view, _ in saves[max(0, acknowledged - 1) : acknowledged + 1]]
        if acknowledged:
            assert loaded is not None, calls
            assert loaded.view is not None, calls
            assert any(same(loaded.view, view) for view in possible), calls
        if acknowledged == len(saves):
            assert calls > 20
            return


def opened(disk: Disk) -> Snapshot:
    writing = disk.open()
    writing.load()
    return writing


def written(disk: Disk, saves: list[Save]) -> Iterator[bool]:
    """Save one after the other until the power is lost; tell of each that was acknowledged."""
    writing: Snapshot | None = None
    try:
        writing = opened(disk)
        for view, step in saves:
            yield writing.save(view, step, 1.0)
    except PowerLost:
        return
    finally:
        if writing is not None:
            writing.close()
