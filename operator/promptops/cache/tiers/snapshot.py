"""One scope's files: blobs by digest, a base index, a journal of signed steps. Nothing unverified is used.

Files: `blobs/<sha256>`, `base` (one record), `journal` (records since the base), `copy` (of the base, for when that cannot
be used: everything hangs on it), `stamp` (last confirmation), `lock`.
Loading replays the signed records through the same rules as live ones, so a prompt that was nacked has its older entry
again; a base carries such entries with the proof that they were signed. What cannot be read costs the prompts that need
it and nothing else, and so does a full or read-only disk: every failure is told to `on_error` and never raised.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from promptops.api import reasons
from promptops.api.feed import Position, Signed
from promptops.cache.advance import EVERYTHING, Understanding
from promptops.cache.clock import Clock
from promptops.cache.index import digest_of
from promptops.cache.messages import index_message, patch_message
from promptops.cache.refusal import Refused
from promptops.cache.store import Step
from promptops.cache.tiers import records
from promptops.cache.tiers.files import make_directory, reason_of, sync_directory, write_all, write_whole
from promptops.cache.tiers.records import FileContents, KeptEntry, Record
from promptops.cache.tiers.replay import Replay
from promptops.cache.tiers.stamp import Stamp, resumed, stamped
from promptops.cache.tiers.tier import Loaded, OnError, nobody_counts
from promptops.cache.tiers.wrapping import Plain, Wrapping
from promptops.cache.verifier import Verifier, to_base64url
from promptops.cache.view import View

COMPACT_RECORDS = 256
COMPACT_BYTES = 8 * 1024 * 1024
MAX_BLOB_BYTES = 1024 * 1024
_WRAPPED_BYTES = 256
"""More than what a seal adds."""
_WRAPPED_AS = {"copy": "base"}
"""The same bytes lie in both."""


class Snapshot:
    """One directory. Calls block; one process at a time writes to it."""

    def __init__(
        self,
        directory: Path,
        verifier: Verifier,
        clock: Clock | None = None,
        on_error: OnError = nobody_counts,
        *,
        understanding: Understanding = EVERYTHING,
        wrapping: Wrapping | None = None,
    ) -> None:
        """`wrapping`: how bytes lie in the files; None: as they are."""
        self._directory = directory
        self._wrapping = wrapping or Plain()
        self._blobs = directory / "blobs"
        self._verifier = verifier
        self._clock = clock or Clock()
        self._on_error = on_error
        self._understanding = understanding
        self.problem: str | None = None
        """Why the last call was not done; None when it was."""
        self._lock: int | None = None
        self._stored: set[str] = set()
        """Digests of the blobs that are on disk and right."""
        self._disk = _Disk()

    def load(self) -> Loaded | None:
        """Return what is intact and verified, or None."""
        self._guarded(lambda: None)
        try:
            return self._load()
        except OSError as error:
            self._failed(error)
            return None

    def save(self, view: View, step: Step | None, confirmed_at: float) -> bool:
        """Write what leads to the view. Returns whether it is on disk now."""
        return self._guarded(lambda: self._save(view, step, confirmed_at))

    def stamp(self, position: Position, confirmed_at: float) -> bool:
        """Note that the origin confirmed the position. Not synced: after a power cut the age is taken from the boot."""
        record = Record(stamp=stamped(position, confirmed_at, self._clock))
        data = self._written(record, "stamp")
        return self._guarded(lambda: write_whole(self._directory / "stamp", data, durable=False))

    def drop(self, revocation: Signed) -> bool:
        """Forget everything but that the namespace is gone."""
        return self._guarded(lambda: self._write_base(Record(revoked=revocation), frozenset(), None))

    def close(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _guarded(self, write: Callable[[], None]) -> bool:
        try:
            self._prepare()
            write()
        except OSError as error:
            self._failed(error)
            return False
        self.problem = None
        return True

    def _failed(self, error: OSError) -> None:
        self.problem = reason_of(error)
        self._on_error(self.problem, error.strerror or type(error).__name__)

    def _prepare(self) -> None:
        if self._lock is None:
            make_directory(self._directory)
            make_directory(self._blobs)
            self._lock = _locked(self._directory / "lock")

    def _load(self) -> Loaded | None:
        blobs = self._read_blobs()
        self._stored = set(blobs)
        base, journal = self._read("base"), self._read("journal")
        replay = self._replayed(blobs, base, journal)
        damage = base.damage or journal.damage or replay.damage
        if replay.scope is None and (copy := self._read("copy")).records:
            replay, damage = self._replayed(blobs, copy, journal), damage or reasons.SNAPSHOT_CORRUPT
        if damage is not None:
            self._on_error(damage, "the snapshot is damaged; what is intact is used")
        self._disk = _Disk(
            # A damaged journal is not appended to: what follows the damage could not be read.
            whole=damage is None and bool(base.records) and journal.size > 0,
            view=replay.view,
            journaled=len(journal.records),
            journal_bytes=journal.size,
        )
        if replay.scope is None:
            return None
        if replay.view is None:
            return Loaded(replay.scope, None, None, replay.floor)
        stamp = self._read_stamp(replay.view.position) or replay.stamp
        confirmed_at = resumed(stamp, self._clock) if stamp is not None else 0.0
        return Loaded(replay.scope, replay.view, confirmed_at, replay.floor)

    def _replayed(self, blobs: dict[str, bytes], *files: FileContents) -> Replay:
        replay = Replay(self._verifier, blobs, self._understanding)
        for file in files:
            for record in file.records:
                replay.take(record)
        return replay

    def _read(self, name: str) -> FileContents:
        try:
            return records.read(self._directory / name, self._wrapping, _WRAPPED_AS.get(name, name))
        except OSError as error:
            self._failed(error)
            return FileContents((), None)

    def _read_blobs(self) -> dict[str, bytes]:
        blobs: dict[str, bytes] = {}
        if not self._blobs.is_dir():
            return blobs
        for path in sorted(self._blobs.iterdir()):
            if path.name.startswith("."):
                continue
            try:
                data = path.read_bytes() if path.stat().st_size <= MAX_BLOB_BYTES + _WRAPPED_BYTES else b""
            except OSError as error:
                self._on_error(reason_of(error), f"a blob cannot be read: {error.strerror}")
                continue
            content = self._unwrapped(data, path.name)
            if content is not None and self._wrapping.name(digest := digest_of(content)) == path.name:
                blobs[digest] = content
            else:
                self._on_error(reasons.SNAPSHOT_CORRUPT, "a blob is not what its name says")
        return blobs

    def _unwrapped(self, data: bytes, place: str) -> bytes | None:
        try:
            return self._wrapping.unwrap(data, place)
        except Refused:
            return None

    def _written(self, record: Record, place: str) -> bytes:
        """Return a file with one record."""
        return self._wrapping.first_line + records.frame(record, self._wrapping, place)

    def _read_stamp(self, position: Position) -> Stamp | None:
        contents = self._read("stamp")
        if contents.damage is not None:
            self._on_error(contents.damage, "the last confirmation is unreadable; an earlier one counts")
        stamps = [record.stamp for record in contents.records if record.stamp is not None]
        return stamps[0] if stamps and stamps[0].position == position else None

    def _save(self, view: View, step: Step | None, confirmed_at: float) -> None:
        self._write_blobs(view)
        before = self._disk.view
        if self._disk.whole and before is not None and before.signed == view.signed:
            self._disk = replace(self._disk, view=view)
            return
        stamp = stamped(view.position, confirmed_at, self._clock)
        record = _record(before, view, step, stamp)
        if self._disk.wants_base(view, record):
            whole = Record(stamp=stamp, index=index_message(view, with_blobs=False), older=_kept(view))
            self._write_base(whole, frozenset(view.blobs), view)
        else:
            self._append(record, view)

    def _write_blobs(self, view: View) -> None:
        new = [digest for digest in view.blobs if digest not in self._stored]
        for digest in new:
            name = self._wrapping.name(digest)
            write_whole(self._blobs / name, self._wrapping.wrap(view.blobs[digest], name), durable=True)
            self._disk = replace(self._disk, blob_bytes=self._disk.blob_bytes + len(view.blobs[digest]))
            self._stored.add(digest)
        if new:
            sync_directory(self._blobs)

    def _write_base(self, record: Record, named: frozenset[str], view: View | None) -> None:
        self._disk = _Disk()
        data = self._written(record, "base")
        # A copy that is older than the base could bring back what was revoked.
        (self._directory / "copy").unlink(missing_ok=True)
        write_whole(self._directory / "base", data, durable=True)
        # Between these two lines the journal's records are older than the base, or of another scope: both are passed over.
        write_whole(self._directory / "journal", self._wrapping.first_line, durable=True)
        write_whole(self._directory / "copy", data, durable=True)
        sync_directory(self._directory)
        self._disk = _Disk(whole=True, view=view, journaled=0, journal_bytes=len(self._wrapping.first_line))
        self._stored &= named
        self._clear(frozenset(map(self._wrapping.name, named)))

    def _clear(self, names: frozenset[str]) -> None:
        """Delete what nothing names: also what lay there as it is before there was a key."""
        for path in self._blobs.iterdir():
            if path.name not in names and not path.is_dir():
                path.unlink(missing_ok=True)

    def _append(self, record: Record, view: View) -> None:
        before, data = self._disk, records.frame(record, self._wrapping, "journal")
        self._disk = replace(before, whole=False)
        descriptor = os.open(self._directory / "journal", os.O_WRONLY | os.O_APPEND)
        try:
            try:
                write_all(descriptor, data)
            except OSError:
                # Half a record would hide every later one.
                os.ftruncate(descriptor, before.journal_bytes)
                self._disk = before
                raise
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        grown = before.journal_bytes + len(data)
        self._disk = replace(before, view=view, journaled=before.journaled + 1, journal_bytes=grown)


@dataclass(frozen=True)
class _Disk:
    """What the files hold."""

    whole: bool = False
    """Whether a record may be appended."""
    view: View | None = None
    journaled: int = 0
    journal_bytes: int = 0
    blob_bytes: int = 0
    """Written since the base; some of it may be named by nothing any more."""

    def wants_base(self, view: View, record: Record) -> bool:
        """Whether to write everything anew instead of appending this record."""
        if not self.whole or self.view is None or self.view.header.scope != view.header.scope:
            return True
        if self.journaled >= COMPACT_RECORDS or self.journal_bytes + self.blob_bytes >= COMPACT_BYTES:
            return True
        return record.index is not None and record.index.entries is not None


def _kept(view: View) -> tuple[KeptEntry, ...]:
    """Return the older entries that are served, for a base."""
    return tuple(
        KeptEntry(msgspec.Raw(older.encoded.encoded), older.signed, to_base64url(older.tree), older.pairs.decode())
        for older in view.older.values()
    )


def _record(before: View | None, view: View, step: Step | None, stamp: Stamp) -> Record:
    """Return the smallest record that leads from what is on disk to the view."""
    if before is None or before.header.scope != view.header.scope:
        return Record(stamp=stamp, index=index_message(view, with_blobs=False))
    if step is not None and step.base == before.position:
        return Record(stamp=stamp, patch=patch_message(view, step, with_blobs=False))
    same = before.header.entries == view.header.entries
    return Record(stamp=stamp, index=index_message(view, with_entries=not same, with_blobs=False))


def _locked(path: Path) -> int:
    """Return a descriptor that holds the lock. Raises OSError when another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
