"""Index and patch as they travel and as they lie on disk: entries stay the bytes that were signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from promptops.api import reasons
from promptops.api.feed import INLINE_BLOBS_BYTES, Blob, Position, Removal, Signed
from promptops.api.http import Source
from promptops.api.wire import Unreadable, read
from promptops.cache.index import EncodedEntry
from promptops.cache.refusal import Refused
from promptops.cache.store import Step
from promptops.cache.verifier import to_base64url
from promptops.cache.view import View


class IndexMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """promptops.api.feed.Index, entries undecoded."""

    signed: Signed
    entries: tuple[msgspec.Raw, ...] | None = None
    blobs: tuple[Blob, ...] = ()
    source: Source = "live"


class PatchMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """promptops.api.feed.Patch, entries undecoded."""

    base: Position
    signed: Signed
    upserts: tuple[msgspec.Raw, ...] = ()
    removes: tuple[Removal, ...] = ()
    blobs: tuple[Blob, ...] = ()


def index_message(view: View, *, with_entries: bool = True, with_blobs: bool = True) -> IndexMessage:
    """Return the view as a message."""
    if not with_entries:
        return IndexMessage(_signed(view), source=view.source)
    entries = [view.index[name] for name in sorted(view.index)]
    blobs = inline_blobs(_stable_digests(entries), view.blobs) if with_blobs else ()
    return IndexMessage(_signed(view), tuple(msgspec.Raw(entry.encoded) for entry in entries), blobs, view.source)


def patch_message(view: View, step: Step, *, with_blobs: bool = True) -> PatchMessage:
    """Return the step to the view as a message."""
    return PatchMessage(
        step.base,
        _signed(view),
        tuple(msgspec.Raw(entry.encoded) for entry in step.upserts),
        step.removes,
        inline_blobs(step.new_blobs, view.blobs) if with_blobs else (),
    )


def _signed(view: View) -> Signed:
    """Return the header as it was signed. A directory's is signed by nobody: it is believed by who trusts the socket it comes through."""
    return view.signed or Signed(to_base64url(msgspec.json.encode(view.header)), "")


def inline_blobs(digests: Iterable[str], blobs: Mapping[str, bytes]) -> tuple[Blob, ...]:
    """Return the first of these blobs that fit into an event together; the rest is fetched."""
    room = INLINE_BLOBS_BYTES
    chosen: dict[str, Blob] = {}
    for digest in digests:
        content = blobs.get(digest)
        if content is None or digest in chosen or len(content) > room:
            continue
        room -= len(content)
        chosen[digest] = Blob(digest, content.decode())
    return tuple(chosen.values())


def _stable_digests(entries: Iterable[EncodedEntry]) -> Iterable[str]:
    return (encoded.entry.stable.digest for encoded in entries if encoded.entry and encoded.entry.stable)


def decode_index(data: bytes) -> IndexMessage:
    """Return the index that stands in the bytes. Raises Refused(Malformed)."""
    try:
        return read(data, IndexMessage)
    except Unreadable:
        raise Refused(reasons.MALFORMED, "not an index") from None


def decode_patch(data: bytes) -> PatchMessage:
    """Return the patch that stands in the bytes. Raises Refused(Malformed)."""
    try:
        return read(data, PatchMessage)
    except Unreadable:
        raise Refused(reasons.MALFORMED, "not a patch") from None
