"""Planes that a command has for itself, however many of them run at once and however it ends."""

from __future__ import annotations

import fcntl
import itertools
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promptops import codegen
from promptops.dev.lifecycle import bring_up, plane_folder, take_down
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE, Stack
from promptops.settings.dev import DevSettings


@contextmanager
def throwaway_stack(name: str, progress: Progress | None = None) -> Iterator[Stack]:
    """Bring up a plane with an operator and a sidecar; take it down at the end, which may be Ctrl-C or SIGTERM."""
    settings = DevSettings.from_environment()
    with until_told_to_end(), throwaway_folder(settings.cache, name) as folder:
        up = bring_up(folder, settings, progress or Progress(), codegen.manifests(NAMESPACE))
        assert up.stack is not None
        yield up.stack


@contextmanager
def throwaway_folder(cache: Path, name: str) -> Iterator[Path]:
    """The folder of the first plane of this name that nobody has. What one that was killed left there is removed first."""
    for number in itertools.count(1):
        folder = plane_folder(cache, f"{name}-{number}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as taken:
            try:
                fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go of by whatever ends this process
            except BlockingIOError:
                continue
            take_down(folder)
            try:
                yield folder
            finally:
                take_down(folder)
            return


@contextmanager
def until_told_to_end() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does: not before everything is taken down."""

    def ended(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
