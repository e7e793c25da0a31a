"""An index as the bytes that were signed: entries, their digests, and the digest over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from promptops.api import reasons
from promptops.api.feed import Entry
from promptops.cache.refusal import Refused

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


@dataclass(frozen=True)
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


_identity_decoder = msgspec.json.Decoder(_Identity)


def digest_of(data: bytes) -> str:
    """Return sha256:… of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def encode_entry(entry: Entry) -> EncodedEntry:
    """Return the entry with the bytes it is sent as: fields in declared order, defaults left out."""
    return _with_bytes(entry, _encoder.encode(entry))


def decode_entry(encoded: bytes) -> EncodedEntry:
    """Return the entry that stands in the bytes. Raises Refused(Malformed) when not even its identity is readable."""
    try:
        return _with_bytes(_decoder.decode(encoded), encoded)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        known = _identity_decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(reasons.MALFORMED, "an entry without name, uid and revision") from None
    return _encoded(known, encoded, None, frozenset())


def _with_bytes(entry: Entry, encoded: bytes) -> EncodedEntry:
    return _encoded(entry, encoded, entry, entry.digests())


def _encoded(identity: Entry | _Identity, encoded: bytes, entry: Entry | None, blobs: frozenset[str]) -> EncodedEntry:
    digest = digest_of(encoded)
    pair = _encoder.encode((identity.name, digest))
    return EncodedEntry(identity.name, identity.uid, identity.revision, encoded, digest, entry, blobs, pair)


def by_name(entries: Iterable[EncodedEntry]) -> dict[str, EncodedEntry]:
    """Return the entries by name. Raises Refused(Malformed) when a name comes twice."""
    index: dict[str, EncodedEntry] = {}
    for entry in entries:
        if entry.name in index:
            raise Refused(reasons.MALFORMED, "a name comes twice")
        index[entry.name] = entry
    return index


def entries_digest(index: Mapping[str, EncodedEntry]) -> str:
    """Return the digest over the (name, entry digest) pairs, sorted by name, written as a JSON array of arrays."""
    # Pairs are encoded once in their life: of 10,000 entries one has changed.
    return digest_of(b"[%s]" % b",".join([index[name].pair for name in sorted(index)]))
