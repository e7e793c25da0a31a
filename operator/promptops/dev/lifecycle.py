"""Where planes keep their state, and who may change it: one `up` or `down` of a plane at a time."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from promptops.dev.errors import DevError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def plane_folder(cache: Path, name: str) -> Path:
    """Return the folder of the plane called `name`; raise DevError for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise DevError(f"{name!r} cannot be the name of a plane", "use lower-case letters, digits and dashes")
    return cache / "planes" / name


def plane_folders(cache: Path) -> tuple[Path, ...]:
    """Return the folders of all planes in the cache."""
    with suppress(FileNotFoundError):
        return tuple(sorted(path for path in (cache / "planes").iterdir() if path.is_dir()))
    return ()


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Hold the plane's folder: others that want to start or end the same plane wait."""
    descriptor = _lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):
            folder.rmdir()  # only when nothing was started in it


def _lock(folder: Path) -> int:
    while True:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.stat(folder).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)  # `down` removed it while this one waited
