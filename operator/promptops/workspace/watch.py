"""Being told by the system that something changed below a folder (inotify). Where it cannot tell, somebody has to look.

The libraries for this give names as text and fail for good on one that is not UTF-8; what is needed of inotify is little.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_IN_MODIFY, _IN_ATTRIB, _IN_CLOSE_WRITE = 0x2, 0x4, 0x8
_IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE, _IN_DELETE_SELF, _IN_MOVE_SELF = (
    0x40,
    0x80,
    0x100,
    0x200,
    0x400,
    0x800,
)
_IN_Q_OVERFLOW, _IN_IGNORED, _IN_ONLYDIR = 0x4000, 0x8000, 0x1000000
_MASK: Final = (
    _IN_MODIFY | _IN_ATTRIB | _IN_CLOSE_WRITE | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE
    | _IN_DELETE_SELF | _IN_MOVE_SELF | _IN_ONLYDIR
)  # fmt: skip
_EVENT: Final = struct.Struct("iIII")
_BUFFER_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Touched:
    """What changed since the last call."""

    names: frozenset[str] = frozenset()
    """Paths below the root."""
    is_complete: bool = True
    """False when there was more than the system could keep."""


class FolderWatch:
    """Watches the folders that it is told to cover. Not thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[int, str] = {}
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            self.descriptor = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        except AttributeError:  # another system than Linux
            self.descriptor = -1
        self._covers_all = False
        """Whether the folder as it was seen last is watched to its last subfolder."""

    @property
    def tells(self) -> bool:
        """Whether every change within the folder is told."""
        return self.descriptor >= 0 and self._covers_all

    def cover(self, folders: Iterable[str]) -> None:
        """Watch these folders, given by their paths below the root; the others no longer."""
        if self.descriptor < 0:
            return
        watched: dict[int, str] = {}
        self._covers_all = True
        for folder in folders:
            # Adding a folder again gives the same number, or another one when it is another folder by now.
            number = self._libc.inotify_add_watch(self.descriptor, os.fsencode(self._root / folder), _MASK)
            if number < 0:
                self._covers_all = self._covers_all and ctypes.get_errno() in (
                    errno.ENOENT,
                    errno.ENOTDIR,
                    errno.EACCES,
                )
            else:
                watched[number] = folder
        for number in self._folders.keys() - watched.keys():
            self._libc.inotify_rm_watch(self.descriptor, number)
        self._folders = watched

    def touched(self) -> Touched:
        """Return what was touched since the last call, without waiting."""
        names: set[str] = set()
        is_complete = True
        for number, mask, name in self._events():
            if mask & _IN_Q_OVERFLOW:
                is_complete = False
            elif name and not mask & _IN_IGNORED:
                folder = self._folders.get(number, "")
                names.add(f"{folder}/{name}" if folder else name)
        return Touched(frozenset(names), is_complete)

    def close(self) -> None:
        """Watch nothing any more."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _events(self) -> Iterator[tuple[int, int, str]]:
        while self.descriptor >= 0:
            try:
                data = os.read(self.descriptor, _BUFFER_BYTES)
            except BlockingIOError:
                return
            offset = 0
            while offset < len(data):
                number, mask, _, length = _EVENT.unpack_from(data, offset)
                name = data[offset + _EVENT.size : offset + _EVENT.size + length].rstrip(b"\0")
                yield number, mask, os.fsdecode(name)
                offset += _EVENT.size + length
