"""Records in a file, each with its length and checksum: what is intact is read, up to the first byte that is not."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from promptops.api import reasons, wire
from promptops.api.feed import Signed
from promptops.cache.messages import IndexMessage, PatchMessage
from promptops.cache.refusal import Refused
from promptops.cache.tiers.stamp import Stamp
from promptops.cache.tiers.wrapping import FAMILY, Plain, Wrapping

_PLAIN: Final[Wrapping] = Plain()
FORMAT = _PLAIN.first_line
_MAX_FILE_BYTES = 512 * 1024 * 1024


class KeptEntry(msgspec.Struct, frozen=True):
    """An older entry that is served, and the proof that it was signed: see promptops.cache.older."""

    entry: msgspec.Raw
    signed: Signed
    tree: str
    """base64url."""
    pairs: str


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was verified and taken. Exactly one of index, patch and revoked is there."""

    stamp: Stamp | None = None
    index: IndexMessage | None = None
    patch: PatchMessage | None = None
    revoked: Signed | None = None
    older: tuple[KeptEntry, ...] = ()
    """Beside an index: what is served of prompts whose entry in it could not be taken."""


@dataclass(frozen=True)
class FileContents:
    """What a file holds."""

    records: tuple[Record, ...]
    damage: str | None
    """Why there may have been more, as a constant of promptops.api.reasons; None when the file is whole."""
    size: int = 0


_encoder = msgspec.json.Encoder()


def frame(record: Record, wrapping: Wrapping = _PLAIN, place: str = "") -> bytes:
    """Return the record as it stands in the file of that name."""
    payload = wrapping.wrap(_encoder.encode(record), place)
    return b"%d %s\n%s\n" % (len(payload), hashlib.sha256(payload).hexdigest().encode(), payload)


def read(path: Path, wrapping: Wrapping = _PLAIN, place: str = "") -> FileContents:
    """Return what is intact in the file; nothing, undamaged, when it is not there. Raises OSError.

    `place`: what its records were wrapped for.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            return FileContents((), reasons.SNAPSHOT_CORRUPT)
        data = path.read_bytes()
    except FileNotFoundError:
        return FileContents((), None)
    if not data.startswith(wrapping.first_line):
        known = re.match(re.escape(FAMILY) + rb"[0-9]+( sealed)?\n", data) is not None
        return FileContents((), reasons.SNAPSHOT_UNKNOWN_FORMAT if known else reasons.SNAPSHOT_CORRUPT, len(data))
    records: list[Record] = []
    at = len(wrapping.first_line)
    while at < len(data):
        record, end = _next(data, at, wrapping, place)
        if record is None:
            return FileContents(tuple(records), reasons.SNAPSHOT_CORRUPT, len(data))
        records.append(record)
        at = end
    return FileContents(tuple(records), None, len(data))


def _next(data: bytes, at: int, wrapping: Wrapping, place: str) -> tuple[Record | None, int]:
    """Return the record that begins at `at`, and where it ends."""
    line = data.find(b"\n", at, at + 100)
    if line < 0:
        return None, at
    length, _, checksum = data[at:line].partition(b" ")
    if not length.isdigit():
        return None, at
    start, end = line + 1, line + 1 + int(length)
    payload = data[start:end]
    if data[end : end + 1] != b"\n" or hashlib.sha256(payload).hexdigest().encode() != checksum:
        return None, at
    try:
        return wire.read(wrapping.unwrap(payload, place), Record), end + 1
    except (wire.Unreadable, Refused):
        # Whole, but written by another version in another sense, or sealed by another key.
        return None, at
