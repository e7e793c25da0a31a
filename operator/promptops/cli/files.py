"""The files that a command is given: files, folders with manifests in them, standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from promptops.workspace.folder import MAX_FILE_BYTES, Folder, FolderGone, shown_path

STANDARD_INPUT = "-"


class NobodyAnswers(click.ClickException):
    """A file that cannot be read: the question cannot be answered."""

    exit_code = 2


def read_files(paths: Iterable[Path]) -> dict[str, bytes]:
    """Return the bytes of every file by the name that people know it by. Raises NoAnswer."""
    contents: dict[str, bytes] = {}
    for path in paths:
        if str(path) == STANDARD_INPUT:
            contents["<stdin>"] = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        elif path.is_dir():
            contents |= _folder(path)
        else:
            contents[shown_path(str(path))] = _file(Folder(path.parent), path.name, path)
    return contents


def _folder(path: Path) -> dict[str, bytes]:
    folder = Folder(path)
    try:
        look = folder.look()
    except FolderGone as error:
        raise NobodyAnswers(f"{path}: the folder cannot be read: {error}") from None
    for name, why in look.hidden.items():
        raise NobodyAnswers(f"{shown_path(str(path / name))}: {why}")
    if not look.files:
        raise NobodyAnswers(f"{path}: there is no .yaml, .yml or .json file in it")
    return {shown_path(str(path / name)): _file(folder, name, path / name) for name in sorted(look.files)}


def _file(folder: Folder, name: str, path: Path) -> bytes:
    data = folder.read(name)
    if isinstance(data, str):
        raise NobodyAnswers(f"{shown_path(str(path))}: {data}")
    return data
