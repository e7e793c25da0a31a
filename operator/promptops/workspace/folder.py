"""The files of a folder and whether any of them changed. A folder that is gone changes nothing."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from promptops.workspace.manifest_files import SUFFIXES

MAX_FILES: Final = 10_000
MAX_FILE_BYTES: Final = 8 * 1024 * 1024

Signature = tuple[tuple[str, int, int, int, int], ...]
"""Per file: path, device, inode, time of the last change, size. Another one means: read again."""


class FolderGone(Exception):
    """The folder is not there, or cannot be read now."""


@dataclass(frozen=True)
class Folder:
    """A folder with manifests, at any depth. Hidden entries are skipped, links are followed: a mounted ConfigMap is
    a hidden folder that is replaced as a whole, and links into it."""

    root: Path

    def signature(self) -> Signature:
        """Return what identifies the state of every manifest. Raises FolderGone."""
        return tuple(sorted(self._files()))

    def read(self) -> dict[str, bytes | str]:
        """Return the bytes of every manifest by its path below the root, or why they cannot be had. Raises FolderGone."""
        contents: dict[str, bytes | str] = {}
        for name, *_, size in self.signature():
            if size > MAX_FILE_BYTES:
                contents[name] = f"the file has {size} bytes, at most {MAX_FILE_BYTES} are read"
                continue
            try:
                contents[name] = (self.root / name).read_bytes()
            except OSError as error:
                contents[name] = f"the file cannot be read: {error.strerror}"
        return contents

    def _files(self) -> Iterator[tuple[str, int, int, int, int]]:
        seen: set[tuple[int, int]] = set()
        pending, count = [self.root], 0
        while pending:
            directory = pending.pop()
            for entry in self._entries(directory):
                found = _stat(entry)
                if found is None or entry.name.startswith("."):
                    continue
                if stat.S_ISDIR(found.st_mode) and (found.st_dev, found.st_ino) not in seen:
                    seen.add((found.st_dev, found.st_ino))
                    pending.append(Path(entry.path))
                elif stat.S_ISREG(found.st_mode) and entry.name.endswith(SUFFIXES) and count < MAX_FILES:
                    count += 1
                    name = str(Path(entry.path).relative_to(self.root))
                    yield name, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

    def _entries(self, directory: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as entries:
                return list(entries)
        except OSError as error:
            if directory == self.root:
                raise FolderGone(error.strerror or type(error).__name__) from None
            return []


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None  # gone in the meantime, or a link that leads nowhere
