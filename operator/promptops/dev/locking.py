"""One process at a time: the same thing is never built or fetched twice at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promptops.dev.progress import Progress


@contextmanager
def only_one(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the right to make `path`; say so when another process is at it, and wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say(f"waiting for another process that makes {path.name}…")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
