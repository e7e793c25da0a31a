"""From records back to a view: signed records, taken by the rules by which they were taken live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptops.api import reasons
from promptops.api.feed import Position, Signed
from promptops.cache.advance import Proposal, Understanding, propose_index, propose_patch, settle
from promptops.cache.index import Index, decode_entry
from promptops.cache.messages import IndexMessage
from promptops.cache.older import Older, check
from promptops.cache.refusal import Refused
from promptops.cache.tiers.records import KeptEntry, Record
from promptops.cache.tiers.stamp import Stamp
from promptops.cache.verifier import Verifier, from_base64url
from promptops.cache.view import View


class Replay:
    """Takes records as a follower takes events."""

    def __init__(self, verifier: Verifier, blobs: Mapping[str, bytes], understanding: Understanding) -> None:
        self.view: View | None = None
        self.stamp: Stamp | None = None
        self.scope: str | None = None
        self.floor: Position | None = None
        self.damage: str | None = None
        self._verifier = verifier
        self._blobs = blobs
        self._understanding = understanding

    def take(self, record: Record) -> None:
        """Take the record, or note why not."""
        try:
            if record.revoked is not None:
                self._revoke(record.revoked)
            else:
                self._advance(record)
        except Refused as refusal:
            # Left over from before the base was written.
            if refusal.reason not in (reasons.LOWER_POSITION, reasons.WRONG_SCOPE):
                self.damage = self.damage or refusal.reason

    def _advance(self, record: Record) -> None:
        held = self.view
        if record.index is not None:
            proposal = propose_index(held, record.index, self._verifier, self.scope)
            if held is None and record.older:
                held = self._older(proposal, record.index, record.older)
        elif record.patch is not None:
            proposal = propose_patch(held, record.patch, self._verifier, self.scope)
        else:
            raise Refused(reasons.SNAPSHOT_CORRUPT, "an empty record")
        if self.floor is not None and proposal.header.position <= self.floor:
            raise Refused(reasons.LOWER_POSITION, "revoked")
        self.view = settle(held, proposal, self._blobs, "snapshot", understanding=self._understanding)
        self.scope = proposal.header.scope
        self.stamp = record.stamp

    def _older(self, proposal: Proposal, index: IndexMessage, kept: tuple[KeptEntry, ...]) -> View:
        """Return a view that holds these older entries and nothing else, for those whose newest cannot be taken."""
        older = {}
        for each in kept:
            try:
                encoded = decode_entry(bytes(each.entry))
                candidate = Older(encoded, each.signed, from_base64url(each.tree), each.pairs.encode())
                check(candidate, self._verifier, proposal.header.scope)
            except Refused as refusal:
                self.damage = self.damage or refusal.reason
                continue
            older[encoded.name] = candidate
        empty = View.build(proposal.header, index.signed, (), {}, "snapshot", index=Index())
        return replace(empty, older=older)

    def _revoke(self, revoked: Signed) -> None:
        revocation = self._verifier.verify_revocation(revoked)
        self.scope = revocation.scope
        self.floor = revocation.position
        self.view = None
