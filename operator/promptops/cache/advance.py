"""The next view, from the one that is held and what the hop above or the disk offers. Pure; refuses, never repairs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from promptops.api import reasons
from promptops.api.feed import Entry, Header, Nack, Signed
from promptops.api.http import Source
from promptops.cache.index import EncodedEntry, Index, decode_entry, digest_of
from promptops.cache.messages import IndexMessage, PatchMessage
from promptops.cache.older import Older, kept
from promptops.cache.refusal import Refused
from promptops.cache.store import Step
from promptops.cache.verifier import Verifier
from promptops.cache.view import View, named_by, resolve_names, uses_of


@dataclass(frozen=True)
class Understanding:
    """What whoever renders can make something of. A newer origin's entries and contents may be beyond it."""

    content: Callable[[bytes], bool] | None = None
    """Whether a content can be rendered; None: all of them, by a hop that renders nothing."""
    features: frozenset[str] | None = None
    """What of an entry's `must_understand` is honoured; None: all of it, by a hop that renders nothing."""

    def reason_against(self, entry: Entry, blobs: Mapping[str, bytes]) -> str | None:
        """Return why an entry whose blobs are there cannot be honoured, None when it can."""
        if self.features is not None and not self.features.issuperset(entry.must_understand):
            return reasons.FEATURE_NOT_UNDERSTOOD
        # Not its pins: an older prompt must not stand still because a newer version of it may be asked for by number.
        if self.content is not None and entry.stable is not None and not self.content(blobs[entry.stable.digest]):
            return reasons.CONTENT_NOT_UNDERSTOOD
        return None


EVERYTHING: Final = Understanding()
"""A hop that renders nothing passes on what it cannot read."""


@dataclass(frozen=True)
class Proposal:
    """A verified index that may become the next view once its blobs are there."""

    header: Header
    signed: Signed
    index: Index
    touched: frozenset[str] | None
    """Names whose entries may differ from the held ones; None: any."""
    step: Step | None = None

    def missing(self, blobs: Mapping[str, bytes]) -> frozenset[str]:
        """Digests it needs beyond those blobs."""
        names: Iterable[str] = self.index
        if self.touched is not None:
            names = [name for name in self.touched if name in self.index]
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
        _check_entries(header, held.index)
        return Proposal(header, message.signed, held.index, frozenset(held.nacks))
    index = Index.of(decode_entry(bytes(raw)) for raw in message.entries)
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
    upserts = tuple(decode_entry(bytes(raw)) for raw in message.upserts)
    for removal in message.removes:
        if (gone := held.index.get(removal.name)) is None or gone.uid != removal.uid:
            raise Refused(reasons.MALFORMED, "a patch removes what is not there")
    removed = [removal.name for removal in message.removes]
    index = held.index.changed(upserts, removed)
    _check_entries(header, index)
    touched = frozenset([entry.name for entry in upserts]).union(removed)
    new_blobs = tuple(digest for entry in upserts for digest in entry.blobs if digest not in held.blobs)
    step = Step(message.base, upserts, message.removes, new_blobs)
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
    understanding: Understanding = EVERYTHING,
) -> View:
    """Return the next view: every prompt whose blobs are there and understood moves, the others keep what they have and
    are nacked.

    `offered`: verified blobs beyond the held ones. `bad`: digests for which something else was sent.
    """
    if held is not None and held.header.scope != proposal.header.scope:
        held = None
    next_one = _Next(held, proposal, {**(held.blobs if held is not None else {}), **offered})
    for name in next_one.names:
        next_one.judge(name, bad, understanding)
    uses = next_one.uses()
    for digest in next_one.doubtful(uses, offered):
        next_one.blobs.pop(digest, None)
    return View(
        header=proposal.header,
        signed=proposal.signed,
        entries=next_one.entries,
        names=_names(held, next_one.entries, next_one.names),
        blobs=next_one.blobs,
        source=source,
        nacks=next_one.nacks,
        older=next_one.older,
        index=proposal.index,
        uses=uses,
    )


class _Next:
    """A view in the making. With a step, only the names that it touches are looked at."""

    def __init__(self, held: View | None, proposal: Proposal, blobs: dict[str, bytes]) -> None:
        self.held = held if proposal.touched is not None else None
        """Where most of it comes from; None when everything is looked at."""
        self.entries: dict[str, Entry] = {}
        if held is not None and proposal.touched is not None:
            # What was nacked before is looked at again: its blob may have come since.
            self.names = proposal.touched | held.nacks.keys()
            self.entries = dict(held.entries)
        else:
            self.names = frozenset(proposal.index)
        self.blobs = blobs
        self.nacks: dict[str, Nack] = {}
        self.older: dict[str, Older] = {}
        self._before = held
        self._index = proposal.index

    def judge(self, name: str, bad: frozenset[str], understanding: Understanding) -> None:
        """Decide what is served under a name."""
        self.entries.pop(name, None)
        encoded = self._index.get(name)
        if encoded is None:
            return
        if encoded.entry is not None and self._is_taken(encoded):
            self.entries[name] = encoded.entry
            return
        reason = self._reason_against(encoded, bad, understanding)
        if reason is not None:
            self.nacks[name] = Nack(name, encoded.uid, encoded.revision, reason)
        older = self._older(encoded) if reason is not None else None
        entry = older.encoded.entry if older is not None else encoded.entry
        if older is not None:
            self.older[name] = older
        if entry is not None:
            self.entries[name] = entry

    def uses(self) -> dict[str, int]:
        """Return how many prompts name each blob, in what was signed or what is served."""
        if self.held is None:
            return uses_of(self._index, self.entries)
        uses = dict(self.held.uses)
        for name in self.names:
            for digest in named_by(name, self._index, self.entries):
                uses[digest] = uses.get(digest, 0) + 1
            for digest in named_by(name, self.held.index, self.held.entries):
                uses[digest] -= 1
                if not uses[digest]:
                    del uses[digest]
        return uses

    def doubtful(self, uses: Mapping[str, int], offered: Mapping[str, bytes]) -> Collection[str]:
        """Return the blobs that nothing names."""
        if self.held is None:
            return self.blobs.keys() - uses.keys()
        touched = [digest for name in self.names for digest in named_by(name, self.held.index, self.held.entries)]
        return {digest for digest in (*touched, *offered) if digest not in uses}

    def _is_taken(self, encoded: EncodedEntry) -> bool:
        """Whether it was judged before and taken: a reconnect must not look at every content again."""
        before = self._before
        if before is None or encoded.name in before.nacks:
            return False
        known = before.index.get(encoded.name)
        return known is not None and known.digest == encoded.digest

    def _older(self, encoded: EncodedEntry) -> Older | None:
        """Return what is served instead of an entry that cannot be taken: what the same object had before, if anything."""
        before = self._before
        if before is None or before.signed is None:
            return None
        older = before.older.get(encoded.name)
        if older is None and encoded.name in before.index and encoded.name not in before.nacks:
            older = kept(encoded.name, before.signed, before.index)
        return older if older is not None and older.encoded.uid == encoded.uid else None

    def _reason_against(self, encoded: EncodedEntry, bad: frozenset[str], understanding: Understanding) -> str | None:
        """Return why an entry cannot be taken, None when it can."""
        new = encoded.entry
        if new is None:
            return reasons.MALFORMED
        if new.state == "disabled":
            # The kill switch needs no blob: it must work when nothing can be fetched.
            return None
        if not encoded.blobs <= self.blobs.keys():
            return reasons.BAD_DIGEST if encoded.blobs & bad else reasons.BLOB_MISSING
        return understanding.reason_against(new, self.blobs)


def _names(held: View | None, entries: Mapping[str, Entry], touched: frozenset[str]) -> Mapping[str, str]:
    """Return every name and id → name; the held ones when no name and no id has changed."""
    if held is None or len(entries) != len(held.entries):
        return resolve_names(entries)
    for name in touched:
        old, new = held.entries.get(name), entries.get(name)
        if (old and old.ids) != (new and new.ids):
            return resolve_names(entries)
    return held.names


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


def _check_entries(header: Header, index: Index) -> None:
    if header.count != len(index) or header.entries != index.digest:
        raise Refused(reasons.BAD_DIGEST, f"the entries are not those that were signed at {header.position}")
