"""A folder that is an OCI image layout: written so that its index never names what is not there, and read file by file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from promptops.cache.tiers.files import write_whole
from promptops.domain.backup.layout import INDEX, MARKER, Packable, Unpacked, packed, unpacked
from promptops.domain.backup.promotion import CannotPromote
from promptops.workspace.folder import Folder


def is_layout(path: Path) -> bool:
    """Whether a folder says of itself that it is one."""
    return (path / MARKER).is_file()


def write(folder: Path, version: Packable, included: Iterable[Packable]) -> None:
    """Add an exported version to the layout in a folder, or begin one. Raises CannotPromote, OSError."""
    beside = _read(folder, INDEX) if (folder / INDEX).exists() else None
    for name, data in packed(version, included, beside).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data, durable=True)


def read(folder: Path) -> Unpacked:
    """Return what the layout in a folder has. Raises CannotPromote, naming the file that is not what it should be."""
    return unpacked(lambda name: _read(folder, name))


def _read(folder: Path, name: str) -> bytes:
    # Nothing else is opened: a pipe would be waited for.
    data = Folder(folder).read(name) if (folder / name).is_file() else "it is not there: copy the whole folder"
    if isinstance(data, str):
        raise CannotPromote(f"{name}: {data}")
    return data
