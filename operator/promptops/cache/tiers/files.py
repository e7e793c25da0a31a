"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from promptops.api import reasons

_REASONS = {
    errno.ENOSPC: reasons.SNAPSHOT_DISK_FULL,
    errno.EDQUOT: reasons.SNAPSHOT_DISK_FULL,
    errno.EFBIG: reasons.SNAPSHOT_DISK_FULL,
    errno.EROFS: reasons.SNAPSHOT_READ_ONLY,
    errno.EACCES: reasons.SNAPSHOT_READ_ONLY,
    errno.EPERM: reasons.SNAPSHOT_READ_ONLY,
    errno.EAGAIN: reasons.SNAPSHOT_LOCKED,
}


def reason_of(error: OSError) -> str:
    """Return the constant of promptops.api.reasons for what the disk said."""
    return _REASONS.get(error.errno or 0, reasons.SNAPSHOT_FAILED)


_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_MOUNTS: Final = Path("/proc/self/mountinfo")


def lies_in_memory(directory: Path, mounts: Path = _MOUNTS) -> bool:
    """Return whether what is written there ends with the machine; False where nobody can tell. The directory need not exist yet."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return False
    device = _device_of(directory.absolute())
    kinds = {mount[2]: kind.split()[0] for mount, kind in map(_halves, lines) if len(mount) > 2 and kind.strip()}
    return kinds.get(f"{os.major(device)}:{os.minor(device)}") in _IN_MEMORY


def _halves(line: str) -> tuple[list[str], str]:
    """What a mount is and where, and behind a lone dash what kind it is of: before that there are as many words as it likes."""
    mount, _, kind = line.partition(" - ")
    return mount.split(), kind


def _device_of(directory: Path) -> int:
    """Of the directory, or of what it would be made in."""
    for place in (directory, *directory.parents):
        with suppress(OSError):
            return place.stat().st_dev
    return 0


def make_directory(directory: Path) -> None:
    """Make the directory, readable by us alone: prompts lie in it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_whole(path: Path, data: bytes, *, durable: bool) -> None:
    """Replace the file at once. `durable`: the data is on disk before the name is; sync_directory() makes the name last."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(directory: Path) -> None:
    """Make names that were given in the directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
