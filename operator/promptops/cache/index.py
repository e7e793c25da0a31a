"""An index as the bytes that were signed: entries, their digests, and the tree of digests over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from promptops.api import reasons
from promptops.api.feed import Entry
from promptops.api.wire import Unreadable, read
from promptops.cache.refusal import Refused

BUCKETS: Final = 256
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class EncodedEntry:
    """An entry together with the bytes it was sent as. Digests are over the bytes, so a hop passes on what it cannot read."""

    name: str
    uid: str
    revision: int
    encoded: bytes
    digest: str
    entry: Entry | None
    """None when a newer origin wrote something that this version does not understand."""
    blobs: frozenset[str]
    """Digests of the blobs it names."""
    pair: bytes
    """Its part of the index's digest: name and digest as a JSON array."""


class _Identity(msgspec.Struct, frozen=True):
    """The part of an entry that every version understands."""

    name: str
    uid: str
    revision: int


def digest_of(data: bytes) -> str:
    """Return sha256:… of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def encode_entry(entry: Entry) -> EncodedEntry:
    """Return the entry with the bytes it is sent as: fields in declared order, defaults left out."""
    return _with_bytes(entry, _encoder.encode(entry))


def decode_entry(encoded: bytes) -> EncodedEntry:
    """Return the entry that stands in the bytes. Raises Refused(Malformed) when not even its identity is readable."""
    try:
        return _with_bytes(read(encoded, Entry), encoded)
    except Unreadable:
        pass
    try:
        known = read(encoded, _Identity)
    except Unreadable:
        raise Refused(reasons.MALFORMED, "an entry without name, uid and revision") from None
    return _encoded(known, encoded, None, frozenset())


def _with_bytes(entry: Entry, encoded: bytes) -> EncodedEntry:
    return _encoded(entry, encoded, entry, entry.digests())


def _encoded(identity: Entry | _Identity, encoded: bytes, entry: Entry | None, blobs: frozenset[str]) -> EncodedEntry:
    digest = digest_of(encoded)
    pair = _encoder.encode((identity.name, digest))
    return EncodedEntry(identity.name, identity.uid, identity.revision, encoded, digest, entry, blobs, pair)


class Index(Mapping[str, EncodedEntry]):
    """Entries by name, never changed. What is made from it by a change shares every bucket that the change leaves alone.

    The digest is that of a tree of two levels: a name's bucket is the first byte of its SHA-256, a bucket's digest is the
    SHA-256 over its (name, entry digest) pairs, sorted by name and written as a JSON array of arrays, and the index's
    digest is the SHA-256 over the 256 digests (raw, 32 bytes each) in their order.
    """

    __slots__ = ("_buckets", "_entries", "digest", "tree")

    def __init__(
        self, entries: Mapping[str, EncodedEntry] | None = None, buckets: tuple[_Bucket, ...] | None = None
    ) -> None:
        """Use Index.of() and changed(): they keep the two alike."""
        self._entries = entries or {}
        self._buckets = buckets or (_EMPTY,) * BUCKETS
        self.tree = b"".join([bucket.digest for bucket in self._buckets])
        """The 256 digests."""
        self.digest = digest_of(self.tree)

    @classmethod
    def of(cls, entries: Iterable[EncodedEntry]) -> Index:
        """Return the index of these entries. Raises Refused(Malformed) when a name comes twice."""
        return cls().changed(entries)

    def changed(self, upserts: Iterable[EncodedEntry], removes: Iterable[str] = ()) -> Index:
        """Return the index with these entries instead of those of the same name, and without these names.

        Raises Refused(Malformed) when a name comes twice, or a removed one is not there.
        """
        entries = dict(self._entries)
        changes: dict[int, set[str]] = {}
        for name in removes:
            if entries.pop(name, None) is None:
                raise Refused(reasons.MALFORMED, "a name is removed that is not there")
            changes.setdefault(bucket_of(name), set()).add(name)
        for entry in upserts:
            names = changes.setdefault(bucket_of(entry.name), set())
            if entry.name in names:
                raise Refused(reasons.MALFORMED, "a name comes twice")
            names.add(entry.name)
            entries[entry.name] = entry
        buckets = list(self._buckets)
        for number, names in changes.items():
            left = names.union(buckets[number].names)
            buckets[number] = _Bucket([entries[name] for name in sorted(left) if name in entries])
        return Index(entries, tuple(buckets))

    def pairs(self, bucket: int) -> bytes:
        """Return what a bucket's digest is over."""
        return _pairs([self._entries[name] for name in self._buckets[bucket].names])

    def __getitem__(self, name: str) -> EncodedEntry:
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        """What is signed over is the same."""
        return isinstance(other, Index) and self.tree == other.tree

    def __hash__(self) -> int:
        return hash(self.tree)


class _Bucket:
    """The names of some entries, sorted, and the digest over these entries: computed once."""

    __slots__ = ("digest", "names")

    def __init__(self, entries: list[EncodedEntry]) -> None:
        self.names = [entry.name for entry in entries]
        self.digest = hashlib.sha256(_pairs(entries)).digest()


def _pairs(entries: list[EncodedEntry]) -> bytes:
    return b"[%s]" % b",".join([entry.pair for entry in entries])


_EMPTY: Final = _Bucket([])


def bucket_of(name: str) -> int:
    """Return the number of the bucket that a name is in."""
    return hashlib.sha256(name.encode()).digest()[0]
