"""The files of a folder as they are now. A folder that is gone changes nothing, one that cannot be read takes nothing away."""

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from promptops.workspace.manifest_files import SUFFIXES

MAX_FILES: Final = 10_000
MAX_FILE_BYTES: Final = 8 * 1024 * 1024
_USUAL_BYTES: Final = 64 * 1024
"""Room for more is made only where there is more: making it takes longer than reading a small file."""
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Gone in the meantime, or a link that leads nowhere."""


class FolderGone(Exception):
    """The folder is not there, or cannot be read now."""


@dataclass(frozen=True)
class FileState:
    """What the system says of a file. Equal ones make it likely, not certain, that the content is equal."""

    device: int
    inode: int
    modified_nanoseconds: int
    changed_nanoseconds: int
    """No program can choose this time, as archives do with the one above."""
    size: int


@dataclass
class Look:
    """Every manifest that was seen, and what could not be looked at."""

    files: dict[str, FileState] = field(default_factory=dict)
    """By path below the root, as the system spells it: a name need not be UTF-8."""
    folders: list[str] = field(default_factory=list)
    """Every folder that was read, the root as an empty path."""
    hidden: dict[str, str] = field(default_factory=dict)
    """Folders and files that nothing can be told of now, and why."""
    left_out: int = 0
    """How many manifests are beyond MAX_FILES."""

    def hides(self, name: str) -> bool:
        """Whether nothing can be told of a file, be it there or not."""
        return any(name == each or name.startswith(f"{each}/") for each in self.hidden)


@dataclass(frozen=True)
class Folder:
    """A folder with manifests, at any depth. Hidden entries are skipped, links are followed: a mounted ConfigMap is
    a hidden folder that is replaced as a whole, and links into it."""

    root: Path

    def look(self) -> Look:
        """Return the state of every manifest. Raises FolderGone."""
        look, seen, pending = Look(), set[tuple[int, int]](), [""]
        while pending:
            directory = pending.pop()
            for entry in self._entries(directory, look):
                name = f"{directory}/{entry.name}" if directory else entry.name
                found = _stat(entry, name, look)
                if found is None:
                    continue
                if stat.S_ISDIR(found.st_mode) and (found.st_dev, found.st_ino) not in seen:
                    seen.add((found.st_dev, found.st_ino))
                    pending.append(name)
                elif stat.S_ISREG(found.st_mode) and entry.name.endswith(SUFFIXES):
                    _note(look, name, found)
        return look

    def read(self, name: str) -> bytes | str:
        """Return the bytes of a manifest, or why they cannot be had."""
        try:
            with (self.root / name).open("rb", buffering=0) as file:
                data = file.read(_USUAL_BYTES)
                if len(data) == _USUAL_BYTES:
                    data += file.read(MAX_FILE_BYTES + 1 - _USUAL_BYTES)
        except OSError as error:
            return f"the file cannot be read: {error.strerror}"
        return data if len(data) <= MAX_FILE_BYTES else f"the file is too long: at most {MAX_FILE_BYTES} bytes are read"

    def _entries(self, directory: str, look: Look) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / directory) as entries:
                found = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            if not directory:
                raise FolderGone(error.strerror or type(error).__name__) from None
            if error.errno not in _NOT_THERE:
                look.hidden[directory] = f"the folder cannot be read: {error.strerror}"
            return []
        look.folders.append(directory)
        return found


def shown_path(name: str) -> str:
    """Return a path for people: bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def changed(before: Mapping[str, FileState], look: Look) -> frozenset[str]:
    """Return the files that came, went or look otherwise, without those that nothing can be told of."""
    names = before.keys() | look.files.keys()
    return frozenset(name for name in names if before.get(name) != look.files.get(name) and not look.hides(name))


def _note(look: Look, name: str, found: os.stat_result) -> None:
    if len(look.files) < MAX_FILES:
        look.files[name] = FileState(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
    else:
        look.left_out += 1


def _stat(entry: os.DirEntry[str], name: str, look: Look) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError as error:
        if error.errno not in _NOT_THERE:
            look.hidden[name] = f"it cannot be looked at: {error.strerror}"
        return None
