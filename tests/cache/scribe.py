"""Writes signed indexes and patches as an origin does, at any position, right or wrong in one point."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from promptops.api.content import CANONICAL_FORM
from promptops.api.feed import (
    PROTOCOL,
    Blob,
    Entry,
    Header,
    Position,
    Removal,
    Revocation,
    Signed,
    Trust,
    VersionReference,
)
from promptops.cache.index import Index, digest_of, encode_entry
from promptops.cache.messages import IndexMessage, PatchMessage
from promptops.cache.signing import KeyVerifier, Signer

SCOPE = "0b9d0a4e-aaaa"


def content(text: str) -> Blob:
    """Content as a blob."""
    data = CANONICAL_FORM.decode() + json.dumps({"text": text}, separators=(",", ":"))
    return Blob(digest_of(data.encode()), data)


def reference(text: str, version: str = "1.0.0") -> VersionReference:
    """A version that has this text."""
    return VersionReference(version, content(text).digest)


def entry(name: str, text: str, *, uid: str = "", revision: int = 1, version: str = "1.0.0") -> Entry:
    """An active entry whose stable version has this text."""
    return Entry(name, uid or f"uid-{name}", revision, "active", reference(text, version))


def held_blobs(*texts: str) -> dict[str, bytes]:
    """The blobs of these texts, as a view holds them."""
    return {content(text).digest: content(text).content.encode() for text in texts}


class Scribe:
    """One signing key and one scope."""

    def __init__(self, key: bytes = b"k" * 32, scope: str = SCOPE) -> None:
        self.signer = Signer(key)
        self.verifier = KeyVerifier(Trust((self.signer.trusted,)))
        self.scope = scope

    def header(self, position: Position, entries: Iterable[Entry], /, **changes: object) -> Header:
        """The header of these entries."""
        index = Index.of(map(encode_entry, entries))
        header = Header(
            v=PROTOCOL,
            scope=self.scope,
            namespace="team-a",
            tenant="team-a",
            epoch=position.epoch,
            term=position.term,
            seq=position.seq,
            entries=index.digest,
            count=len(index),
            kid=self.signer.kid,
        )
        return msgspec.structs.replace(header, **changes)

    def index(
        self, seq: int, *entries: Entry, blobs: Iterable[Blob] = (), term: int = 1, **changes: object
    ) -> IndexMessage:
        """A whole index."""
        signed = self.signer.sign(self.header(Position(1, term, seq), entries, **changes))
        raw = tuple(msgspec.Raw(encode_entry(each).encoded) for each in sorted(entries, key=lambda each: each.name))
        return IndexMessage(signed, raw, tuple(blobs))

    def patch(
        self,
        seq: int,
        after: Iterable[Entry],
        *,
        upserts: Iterable[Entry] = (),
        removes: Iterable[Removal] = (),
        blobs: Iterable[Blob] = (),
        base: Position | None = None,
        **changes: object,
    ) -> PatchMessage:
        """The step to `seq`, after which the entries are `after`."""
        signed = self.signer.sign(self.header(Position(1, 1, seq), after, **changes))
        raw = tuple(msgspec.Raw(encode_entry(each).encoded) for each in upserts)
        return PatchMessage(base or Position(1, 1, seq - 1), signed, raw, tuple(removes), tuple(blobs))

    def revocation(self, seq: int) -> Signed:
        """The end of the scope."""
        return self.signer.sign(Revocation(PROTOCOL, self.scope, True, 1, 1, seq, self.signer.kid))
