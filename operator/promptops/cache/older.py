"""An entry that is served although a newer one was signed: kept together with the proof that it was signed once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from promptops.api import reasons
from promptops.api.feed import Signed
from promptops.api.wire import Unreadable, read
from promptops.cache.index import BUCKETS, EncodedEntry, Index, bucket_of, digest_of
from promptops.cache.refusal import Refused
from promptops.cache.verifier import Verifier

_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Older:
    """One entry of an index that is no longer current."""

    encoded: EncodedEntry
    signed: Signed
    """The header of that index."""
    tree: bytes
    """The digests of its buckets."""
    pairs: bytes
    """What the digest of the entry's bucket is over."""


def kept(name: str, signed: Signed, index: Index) -> Older:
    """Return the entry that the index has under a name, with its proof."""
    return Older(index[name], signed, index.tree, index.pairs(bucket_of(name)))


def check(older: Older, verifier: Verifier, scope: str) -> None:
    """Raise Refused unless the entry was part of an index that was signed for the scope."""
    header = verifier.verify(older.signed)
    if header.scope != scope:
        raise Refused(reasons.WRONG_SCOPE, f"an entry of {header.scope}, this is {scope}")
    if len(older.tree) != BUCKETS * _DIGEST_BYTES or digest_of(older.tree) != header.entries:
        raise Refused(reasons.BAD_DIGEST, "the tree is not the one that was signed")
    start = bucket_of(older.encoded.name) * _DIGEST_BYTES
    if hashlib.sha256(older.pairs).digest() != older.tree[start : start + _DIGEST_BYTES]:
        raise Refused(reasons.BAD_DIGEST, "the bucket is not one of the tree")
    try:
        pairs = read(older.pairs, tuple[tuple[str, str], ...])
    except Unreadable:
        raise Refused(reasons.MALFORMED, "not a bucket") from None
    if (older.encoded.name, older.encoded.digest) not in pairs:
        raise Refused(reasons.BAD_DIGEST, "the entry is not in its bucket")
