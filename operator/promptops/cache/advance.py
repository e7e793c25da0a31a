"""The next view, from the one that is held and what the hop above or the disk offers. Pure; refuses, never repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from promptops.api import reasons
from promptops.api.feed import Entry, Header, Nack, Signed
from promptops.api.http import Source
from promptops.cache.index import EncodedEntry, by_name, decode_entry, digest_of, entries_digest
from promptops.cache.messages import IndexMessage, PatchMessage
from promptops.cache.refusal import Refused
from promptops.cache.signing import Verifier
from promptops.cache.store import Step
from promptops.cache.view import View, resolve_names

Understood = Callable[[bytes], bool]
"""Whether whoever renders can make something of a content. A newer origin's may be beyond it."""


def whatever_it_is(_content: bytes) -> bool:
    """Take every content: a hop that renders nothing passes on what it cannot read."""
    return True


@dataclass(frozen=True)
class Proposal:
    """A verified index that may become the next view once its blobs are there."""

    header: Header
    signed: Signed
    index: Mapping[str, EncodedEntry]
    touched: frozenset[str] | None
    """Names whose entries may differ from the held ones; None: any."""
    step: Step | None = None

    def missing(self, blobs: Mapping[str, bytes]) -> frozenset[str]:
        """Digests it needs beyond those blobs."""
        names = self.index if self.touched is None else [name for name in self.touched if name in self.index]
        needed = frozenset().union(*(self.index[name].blobs for name in names))
        return frozenset(digest for digest in needed if digest not in blobs)


def propose_index(held: View | None, message: IndexMessage, verifier: Verifier, scope: str | None) -> Proposal:
    """Return what a whole index comes to. `scope`: the only one that may be taken. Raises Refused.

    Taking an index whose position and header are the held ones is allowed and changes nothing.
    """
    header = verifier.verify(message.signed)
    _check_scope(header, scope)
    held = held if held is not None and held.header.scope == header.scope else None
    _check_position(held, header, message.signed)
    if message.entries is None:
        if held is None:
            raise Refused(reasons.BASE_NOT_HELD, "a header alone, and nothing is held")
        index = held.index
    else:
        index = by_name(decode_entry(bytes(raw)) for raw in message.entries)
    _check_entries(header, index)
    return Proposal(header, message.signed, index, None)


def propose_patch(held: View | None, message: PatchMessage, verifier: Verifier, scope: str | None) -> Proposal:
    """Return what a patch comes to. `scope`: the only one that may be taken. Raises Refused."""
    header = verifier.verify(message.signed)
    _check_scope(header, scope)
    if held is None or held.header.scope != header.scope:
        raise Refused(reasons.BASE_NOT_HELD, "a patch, and nothing is held")
    _check_position(held, header, message.signed)
    if header.position == held.position:
        raise Refused(reasons.LOWER_POSITION, f"{header.position} is held already")
    if message.base != held.position:
        raise Refused(reasons.BASE_NOT_HELD, f"a patch of {message.base}, held is {held.position}")
    upserts = by_name(decode_entry(bytes(raw)) for raw in message.upserts)
    index = {**held.index, **upserts}
    for removal in message.removes:
        if removal.name in upserts or index.get(removal.name) is None or index[removal.name].uid != removal.uid:
            raise Refused(reasons.MALFORMED, "a patch removes what is not there")
        del index[removal.name]
    _check_entries(header, index)
    touched = frozenset(upserts).union(removal.name for removal in message.removes)
    new_blobs = tuple(digest for entry in upserts.values() for digest in entry.blobs if digest not in held.blobs)
    step = Step(message.base, tuple(upserts.values()), message.removes, new_blobs)
    return Proposal(header, message.signed, index, touched, step)


def again(held: View) -> Proposal:
    """Return the held index as a proposal: to try once more what could not be taken."""
    if held.signed is None:
        raise ValueError("an unsigned view has nothing to catch up with")
    return Proposal(held.header, held.signed, held.index, frozenset(held.nacks))


def verified_blobs(offered: Iterable[tuple[str, bytes]]) -> tuple[dict[str, bytes], frozenset[str]]:
    """Return the blobs that are what their digests say, and the digests of those that are not."""
    good: dict[str, bytes] = {}
    bad: set[str] = set()
    for digest, content in offered:
        if digest_of(content) == digest:
            good[digest] = content
        else:
            bad.add(digest)
    return good, frozenset(bad - good.keys())


def settle(
    held: View | None,
    proposal: Proposal,
    offered: Mapping[str, bytes],
    source: Source,
    bad: frozenset[str] = frozenset(),
    understood: Understood = whatever_it_is,
) -> View:
    """Return the next view: every prompt whose blobs are there and understood moves, the others keep what they have and
    are nacked.

    `offered`: verified blobs beyond the held ones. `bad`: digests for which something else was sent.
    """
    if held is not None and held.header.scope != proposal.header.scope:
        held = None
    names: frozenset[str] = frozenset(proposal.index)
    entries: dict[str, Entry] = {}
    if held is not None and proposal.touched is not None:
        # What was nacked before is looked at again: its blob may have come since.
        names = proposal.touched | held.nacks.keys()
        entries = dict(held.entries)
    blobs = {**(held.blobs if held is not None else {}), **offered}
    nacks: dict[str, Nack] = {}
    for name in names:
        old = held.entries.get(name) if held is not None else None
        entries.pop(name, None)
        if (encoded := proposal.index.get(name)) is None:
            continue
        if held is not None and old is not None and _is_taken(held, encoded):
            entries[name] = old
            continue
        entry, nack = _judge(encoded, old, _reason_against(encoded, blobs, bad, understood))
        if entry is not None:
            entries[name] = entry
        if nack is not None:
            nacks[name] = nack
    whole = held is None or proposal.touched is None
    for digest in _unnamed(blobs if whole else _doubtful(held, names, offered), entries, proposal.index, names):
        blobs.pop(digest, None)
    return View(
        header=proposal.header,
        signed=proposal.signed,
        entries=entries,
        names=_names(held, entries, names),
        blobs=blobs,
        source=source,
        nacks=nacks,
        index=proposal.index,
    )


def _is_taken(held: View, encoded: EncodedEntry) -> bool:
    """Whether it was judged before and taken: a reconnect must not look at every content again."""
    known = held.index.get(encoded.name)
    return known is not None and known.digest == encoded.digest and encoded.name not in held.nacks


def _judge(encoded: EncodedEntry, old: Entry | None, reason: str | None) -> tuple[Entry | None, Nack | None]:
    if reason is None:
        return encoded.entry, None
    nack = Nack(encoded.name, encoded.uid, encoded.revision, reason)
    if old is not None and old.uid == encoded.uid:
        return old, nack
    return encoded.entry, nack


def _reason_against(
    encoded: EncodedEntry, blobs: Mapping[str, bytes], bad: frozenset[str], understood: Understood
) -> str | None:
    """Return why an entry cannot be taken, None when it can."""
    new = encoded.entry
    if new is None:
        return reasons.MALFORMED
    if new.state == "disabled":
        # The kill switch needs no blob: it must work when nothing can be fetched.
        return None
    if not encoded.blobs <= blobs.keys():
        return reasons.BAD_DIGEST if encoded.blobs & bad else reasons.BLOB_MISSING
    # Not its pins: an older prompt must not stand still because a newer version of it may be asked for by number.
    if new.stable is not None and not understood(blobs[new.stable.digest]):
        return reasons.CONTENT_NOT_UNDERSTOOD
    return None


def _names(held: View | None, entries: Mapping[str, Entry], touched: frozenset[str]) -> Mapping[str, str]:
    """Return every name and id → name; the held ones when no name and no id has changed."""
    if held is None or len(entries) != len(held.entries):
        return resolve_names(entries)
    for name in touched:
        old, new = held.entries.get(name), entries.get(name)
        if (old and old.ids) != (new and new.ids):
            return resolve_names(entries)
    return held.names


def _doubtful(held: View | None, touched: frozenset[str], offered: Iterable[str]) -> set[str]:
    """Return the digests that a change of these names may leave without a name."""
    digests = set(offered)
    for name in touched:
        if held is not None and name in held.index:
            digests |= held.index[name].blobs
        if held is not None and name in held.entries:
            digests |= held.entries[name].digests()
    return digests


def _unnamed(
    digests: Iterable[str], entries: Mapping[str, Entry], index: Mapping[str, EncodedEntry], likely: Iterable[str]
) -> set[str]:
    """Return those of the digests that nothing names, neither what was signed nor what is served.

    `likely`: where to look first, so that the others need not be looked at.
    """
    left = set(digests)
    for name in chain(likely, index):
        if not left:
            break
        if name in index:
            left -= index[name].blobs
        entry = entries.get(name)
        if entry is not None and entry is not (index[name].entry if name in index else None):
            left -= entry.digests()
    return left


def _check_scope(header: Header, scope: str | None) -> None:
    if scope is not None and header.scope != scope:
        raise Refused(reasons.WRONG_SCOPE, f"the index of {header.scope}, this is {scope}")


def _check_position(held: View | None, header: Header, signed: Signed) -> None:
    if held is None or header.position > held.position:
        return
    if header.position < held.position:
        raise Refused(reasons.LOWER_POSITION, f"{header.position}, held is {held.position}")
    if held.signed is None or signed.payload != held.signed.payload:
        raise Refused(reasons.FORK, f"two indexes at {header.position}")


def _check_entries(header: Header, index: Mapping[str, EncodedEntry]) -> None:
    if header.count != len(index) or header.entries != entries_digest(index):
        raise Refused(reasons.BAD_DIGEST, f"the entries are not those that were signed at {header.position}")
