"""How bytes lie in files: as they are, or sealed for the one place that each of them is in."""

from __future__ import annotations

from typing import Final, Protocol

from promptops.api import reasons
from promptops.cache.refusal import Refused
from promptops.cache.tiers.sealing import Seal

FAMILY: Final = b"promptops snapshot "
"""What a file with records begins with, of this format or of another one."""


class Wrapping(Protocol):
    """Of the files of one folder. A place is a file's name in it."""

    first_line: bytes
    """What a file with records begins with."""

    def name(self, digest: str) -> str:
        """Return the name of the file that has a blob."""

    def wrap(self, data: bytes, place: str) -> bytes:
        """Return the bytes as they lie in that file."""

    def unwrap(self, data: bytes, place: str) -> bytes:
        """Return the bytes that lie so in that file. Raises Refused when they do not."""


class Plain:
    """As they are: in a memory volume, which ends with its pod."""

    first_line: bytes = FAMILY + b"1\n"

    def name(self, digest: str) -> str:
        """Return the digest's own digits."""
        return digest.removeprefix("sha256:")

    def wrap(self, data: bytes, place: str) -> bytes:
        """Return the bytes."""
        return data

    def unwrap(self, data: bytes, place: str) -> bytes:
        """Return the bytes."""
        return data


class Sealed:
    """Nothing of what is held can be read or guessed by who has the files, and none of them can stand for another."""

    first_line: bytes = FAMILY + b"1 sealed\n"

    def __init__(self, seal: Seal, folder: str) -> None:
        self._seal = seal
        self._folder = folder

    def name(self, digest: str) -> str:
        """Return a name that says nothing: who knows a text knows its digest."""
        return self._seal.name(f"{self._folder}/{digest}")

    def wrap(self, data: bytes, place: str) -> bytes:
        """Seal the bytes for that file."""
        return self._seal.seal(data, self._folder, place)

    def unwrap(self, data: bytes, place: str) -> bytes:
        """Open them. Raises Refused when another key sealed them, or for another file or folder."""
        folder, opened = self._seal.open(data, place)
        if folder != self._folder:
            raise Refused(reasons.SEAL_BROKEN, "sealed for another folder")
        return opened
