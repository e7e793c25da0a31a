"""What a follower holds and how it comes to hold something else: fetch, persist, swap, acknowledge, in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from promptops.api import reasons
from promptops.api.feed import Blob, Position, Signed
from promptops.cache.advance import (
    EVERYTHING,
    Proposal,
    Understanding,
    again,
    propose_index,
    propose_patch,
    settle,
    verified_blobs,
)
from promptops.cache.messages import IndexMessage, PatchMessage
from promptops.cache.refusal import Refused
from promptops.cache.store import Step, Store
from promptops.cache.tiers.disk import Snapshot
from promptops.cache.verifier import Verifier, to_token
from promptops.cache.view import View
from promptops.feed.connection import Disconnected
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Reporter

FETCH_SECONDS: Final = 2.0
"""So long the prompts whose blobs are there wait for those whose blobs are not."""
FIRST_FETCH_SECONDS: Final = 8.0
"""… while nothing is held: then there is nothing to be late with."""
MAX_PATIENCE: Final = 12
"""At least at every so many-th heartbeat what could not be taken or written is tried again."""
DISK_SECONDS: Final = 2.0
"""A disk that hangs costs durability, not freshness."""

Fetch = Callable[[list[str]], Awaitable[tuple[Blob, ...]]]
"""Returns some of these blobs; none when none is to be had. Raises Disconnected."""


class Holding:
    """A store, its snapshot, and the rules by which they move."""

    def __init__(
        self,
        store: Store,
        verifier: Verifier,
        snapshot: Snapshot | None,
        reporter: Reporter | None,
        observer: FollowerObserver,
        understanding: Understanding = EVERYTHING,
    ) -> None:
        self.scope: str | None = None
        """The only scope that is taken, once a connection has brought an index."""
        self._store = store
        self._verifier = verifier
        self._snapshot = snapshot
        self._reporter = reporter
        self._observer = observer
        self._understanding = understanding
        self._floor: Position | None = None
        self._durable = snapshot is None
        self._heartbeats = 0
        """Since something was tried again."""
        self._patience = 1
        """At which of them to try again."""
        self._writing: asyncio.Future[bool] | None = None

    def restore(self) -> None:
        """Serve what the snapshot holds. Blocks."""
        loaded = self._snapshot.load() if self._snapshot is not None else None
        if loaded is None:
            return
        self._floor = loaded.floor
        if loaded.view is not None and self._store.current is None:
            self._store.confirmed_at = loaded.confirmed_at
            self._store.swap(loaded.view)

    def token(self) -> str | None:
        """The signed header of what is held, as one word."""
        view = self._store.current
        return to_token(view.signed) if view is not None and view.signed is not None else None

    async def take_index(self, message: IndexMessage, scope: str, confirmed_at: float | None, fetch: Fetch) -> None:
        """Hold what a whole index says, and that the origin confirmed it at `confirmed_at`. Raises Refused."""
        if self.scope is not None and scope != self.scope:
            raise Refused(reasons.WRONG_SCOPE, f"taken for {scope}, this is {self.scope}")
        proposal = propose_index(self._store.current, message, self._verifier, scope)
        self._check_floor(proposal)
        await self._take(proposal, message.blobs, confirmed_at, fetch)
        self.scope = scope

    async def take_patch(self, message: PatchMessage, scope: str, fetch: Fetch) -> None:
        """Hold what a patch says. Raises Refused."""
        proposal = propose_patch(self._store.current, message, self._verifier, scope)
        self._check_floor(proposal)
        await self._take(proposal, message.blobs, None, fetch)

    async def confirm(self, position: Position, at: float, fetch: Fetch) -> None:
        """Note that the origin stood at the position at `at`, and try again what could not be taken.

        Raises Refused(BaseNotHeld) when it stands above what is held: something was missed.
        """
        view = self._store.current
        if view is None or position > view.position:
            raise Refused(reasons.BASE_NOT_HELD, f"the origin stands at {position}")
        if position < view.position or self.scope is None:
            return
        self._store.confirm(at)
        self._heartbeats += 1
        if (view.nacks or not self._durable) and self._heartbeats >= self._patience:
            # Content that is lost for good must not cost a request at every heartbeat.
            self._patience = min(2 * self._patience, MAX_PATIENCE)
            self._heartbeats = 0
            await self._take(again(view), (), None, fetch)
        elif self._snapshot is not None:
            snapshot = self._snapshot
            await self._on_disk(lambda: snapshot.stamp(position, at))

    async def drop(self, signed: Signed, scope: str) -> None:
        """Hold nothing any more: the origin signed that the namespace is gone. Raises Refused."""
        revocation = self._verifier.verify_revocation(signed)
        position = Position(revocation.epoch, revocation.term, revocation.seq)
        view = self._store.current
        if revocation.scope != (self.scope or scope):
            raise Refused(reasons.WRONG_SCOPE, f"the end of {revocation.scope}")
        if view is not None and view.header.scope == revocation.scope and position <= view.position:
            raise Refused(reasons.LOWER_POSITION, f"revoked at {position}, held is {view.position}")
        self._floor = position
        self._store.drop(signed)
        if self._snapshot is not None:
            snapshot = self._snapshot
            await self._on_disk(lambda: snapshot.drop(signed))
        if self._reporter is not None:
            self._reporter.changed(durable=False)

    async def _take(
        self, proposal: Proposal, offered: tuple[Blob, ...], confirmed_at: float | None, fetch: Fetch
    ) -> None:
        held = self._store.current
        if held is None or held.signed != proposal.signed:
            self._heartbeats, self._patience = 0, 1
        good, bad = self._verified(offered)
        missing = proposal.missing(held.blobs if held is not None else {}) - good.keys()
        fetched, fetched_bad = await self._fetch(missing, fetch)
        view = settle(held, proposal, good | fetched, "live", (bad | fetched_bad) - fetched.keys(), self._understanding)
        self._tell_not_understood(held, view)
        same_scope = held is not None and held.header.scope == view.header.scope
        known = [at for at in (confirmed_at, self._store.confirmed_at if same_scope else None) if at is not None]
        self._durable = await self._persist(view, proposal.step, max(known, default=0.0))
        if held is None or not _same(held, view):
            self._store.swap(view, proposal.step)
            self._observer.took(view.position, self._durable)
        if confirmed_at is not None:
            self._store.confirm(confirmed_at)
        if self._reporter is not None:
            self._reporter.changed(durable=self._durable and self._snapshot is not None)

    def _tell_not_understood(self, held: View | None, view: View) -> None:
        """What came whole and is not taken is told once; what is missing is told where it is fetched."""
        for name, nack in view.nacks.items():
            told = held is not None and held.nacks.get(name) == nack
            if nack.reason == reasons.CONTENT_NOT_UNDERSTOOD and not told:
                self._observer.refused(
                    nack.reason, f"revision {nack.revision} of prompt {name}; the one before is served"
                )

    async def _fetch(self, missing: frozenset[str], fetch: Fetch) -> tuple[dict[str, bytes], frozenset[str]]:
        """Return what came of the missing blobs in the time there is, and which of it was something else."""
        found: dict[str, bytes] = {}
        bad: frozenset[str] = frozenset()
        try:
            async with asyncio.timeout(FIRST_FETCH_SECONDS if self._store.current is None else FETCH_SECONDS):
                while wanted := sorted(missing - found.keys() - bad):
                    answered = await fetch(wanted)
                    good, wrong = self._verified(blob for blob in answered if blob.digest in missing)
                    found.update(good)
                    bad |= wrong
                    if not good and not wrong:
                        break
        except (TimeoutError, Disconnected) as error:
            self._observer.refused(reasons.BLOB_MISSING, str(error) or "timeout")
        return found, bad

    def _verified(self, offered: Iterable[Blob]) -> tuple[dict[str, bytes], frozenset[str]]:
        good, bad = verified_blobs((blob.digest, blob.content.encode()) for blob in offered)
        for _ in bad:
            self._observer.refused(reasons.BAD_DIGEST, "a blob is not what its digest says")
        return good, bad

    async def _persist(self, view: View, step: Step | None, now: float) -> bool:
        if self._snapshot is None:
            return True
        snapshot = self._snapshot
        return await self._on_disk(lambda: snapshot.save(view, step, now))

    async def _on_disk(self, write: Callable[[], bool]) -> bool:
        """Write in a thread and wait for it, but not for ever."""
        if self._writing is not None and not self._writing.done():
            return False
        self._writing = asyncio.ensure_future(asyncio.to_thread(write))
        done, _ = await asyncio.wait({self._writing}, timeout=DISK_SECONDS)
        if not done:
            self._observer.refused(reasons.SNAPSHOT_SLOW, "the disk hangs; served from memory")
            return False
        return self._writing.result()

    def _check_floor(self, proposal: Proposal) -> None:
        if self._floor is not None and proposal.header.position <= self._floor:
            raise Refused(reasons.LOWER_POSITION, f"revoked at {self._floor}")


def _same(held: View, view: View) -> bool:
    """Whether replacing one by the other would change nothing for a reader."""
    return (held.signed, held.source, held.nacks, len(held.blobs)) == (
        view.signed,
        view.source,
        view.nacks,
        len(view.blobs),
    )
