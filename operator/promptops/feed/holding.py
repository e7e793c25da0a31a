"""What a follower holds of one scope and how it comes to hold something else: fetch, keep, swap, acknowledge, in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from promptops.api import reasons
from promptops.api.feed import Blob, Position, Signed
from promptops.api.http import Source
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
from promptops.cache.store import Store
from promptops.cache.tiers.keeper import Keeper
from promptops.cache.verifier import Verifier
from promptops.cache.view import View
from promptops.feed.hop import Disconnected
from promptops.feed.observer import FollowerObserver
from promptops.feed.reporter import Reporter

FETCH_SECONDS: Final = 2.0
"""So long the prompts whose blobs are there wait for those whose blobs are not."""
FIRST_FETCH_SECONDS: Final = 8.0
"""… while nothing is held: then there is nothing to be late with."""
MAX_PATIENCE: Final = 12
"""At least at every so many-th heartbeat what could not be taken is tried again."""
LARGE: Final = 200
"""So many entries are looked at in a thread: whoever renders in the loop must not wait for them."""

Fetch = Callable[[list[str]], Awaitable[tuple[Blob, ...]]]
"""Returns some of these blobs; none when none is to be had. Raises Disconnected."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Rules:
    """What every scope of a follower has in common."""

    verifier: Verifier
    keepers: Sequence[Keeper] = ()
    observer: FollowerObserver = FollowerObserver()  # noqa: RUF009 - it has no state
    understanding: Understanding = EVERYTHING
    reporter: Reporter | None = None
    repeats_source: bool = False
    """Whether what is held is said to come from where the hop above has it from, as it is to whoever is a part of that hop."""


class Holding:
    """A store, the tiers beside it, and the rules by which they move."""

    def __init__(self, scope: str, store: Store, rules: Rules, floor: Position | None = None) -> None:
        self.scope = scope
        self._store = store
        self._rules = rules
        self._floor = floor
        """Nothing at or below it is taken: the scope was revoked there."""
        self._durable = False
        self._heartbeats = 0
        """Since something was tried again."""
        self._patience = 1
        """At which of them to try again."""

    async def take_index(
        self,
        message: IndexMessage,
        confirmed_at: float | None,
        fetch: Fetch,
        source: Source = "live",
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Hold what a whole index says, and that the origin confirmed it at `confirmed_at`. Raises Refused.

        `wanted`: asked once everything is there, whether it is to be held still.
        """
        held, verifier = self._store.current, self._rules.verifier
        size = len(message.entries or ())
        proposal = await _computed(size, lambda: propose_index(held, message, verifier, self.scope))
        self._check_floor(proposal)
        said = message.source if self._rules.repeats_source else source
        await self._take(proposal, message.blobs, confirmed_at, fetch, said, wanted)

    async def take_patch(self, message: PatchMessage, fetch: Fetch) -> None:
        """Hold what a patch says. Raises Refused."""
        held, verifier = self._store.current, self._rules.verifier
        size = len(message.upserts)
        proposal = await _computed(size, lambda: propose_patch(held, message, verifier, self.scope))
        self._check_floor(proposal)
        await self._take(proposal, message.blobs, None, fetch)

    async def confirm(self, position: Position, at: float, fetch: Fetch, source: Source = "live") -> None:
        """Note that the origin stood at the position at `at`, and try again what could not be taken.

        Raises Refused(BaseNotHeld) when it stands above what is held: something was missed.
        """
        view = self._view()
        if view is None or position > view.position:
            raise Refused(reasons.BASE_NOT_HELD, f"the origin stands at {position}")
        if position < view.position:
            return
        self._store.confirm(at)
        self._heartbeats += 1
        if view.nacks and self._heartbeats >= self._patience:
            # Content that is lost for good must not cost a request at every heartbeat.
            self._patience = min(2 * self._patience, MAX_PATIENCE)
            self._heartbeats = 0
            said = view.source if self._rules.repeats_source else source
            await self._take(again(view), (), None, fetch, said)
            return
        for keeper in self._rules.keepers:
            keeper.stamp(self.scope, position, at)
        if not self._durable and self._is_kept():
            self._durable = True
            self._report()

    async def drop(self, signed: Signed) -> None:
        """Hold nothing any more: the origin signed that the namespace is gone. Raises Refused."""
        revocation = self._rules.verifier.verify_revocation(signed)
        position = revocation.position
        view = self._view()
        if revocation.scope != self.scope:
            raise Refused(reasons.WRONG_SCOPE, f"the end of {revocation.scope}")
        if view is not None and position <= view.position:
            raise Refused(reasons.LOWER_POSITION, f"revoked at {position}, held is {view.position}")
        self._floor = position
        self._durable = False
        self._store.drop(signed)
        for keeper in self._rules.keepers:
            keeper.drop(self.scope, signed)
        self._report()

    async def _take(
        self,
        proposal: Proposal,
        offered: tuple[Blob, ...],
        confirmed_at: float | None,
        fetch: Fetch,
        source: Source = "live",
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        held = self._store.current
        if held is None or held.signed != proposal.signed:
            self._heartbeats, self._patience = 0, 1
        good, bad = self._verified(offered)
        missing = proposal.missing(held.blobs if held is not None else {}) - good.keys()
        fetched, fetched_bad = await self._fetch(missing, fetch)
        bad = (bad | fetched_bad) - fetched.keys()
        size = len(proposal.index if proposal.touched is None else proposal.touched)
        found, understanding = good | fetched, self._rules.understanding
        view = await _computed(size, lambda: settle(held, proposal, found, source, bad, understanding))
        if not wanted():
            return
        self._check_current(view)
        self._tell_not_understood(held, view)
        known = self._store.confirmed_at if self._view() is not None else None
        stamp = max([at for at in (confirmed_at, known) if at is not None], default=0.0)
        self._durable = await self._keep(view, proposal, stamp)
        self._check_current(view)
        if held is None or not _same(held, view):
            self._store.swap(view, proposal.step)
            self._rules.observer.took(view.position, self._durable)
        if confirmed_at is not None:
            self._store.confirm(confirmed_at)
        self._report()

    def _view(self) -> View | None:
        """What is held of this scope: a snapshot of another may be served until this one's index comes."""
        view = self._store.current
        return view if view is not None and view.header.scope == self.scope else None

    def _report(self) -> None:
        if self._rules.reporter is not None:
            self._rules.reporter.changed(durable=self._durable)

    def _tell_not_understood(self, held: View | None, view: View) -> None:
        """What came whole and is not taken is told once; what is missing is told where it is fetched."""
        for name, nack in view.nacks.items():
            told = held is not None and held.nacks.get(name) == nack
            if nack.reason in (reasons.CONTENT_NOT_UNDERSTOOD, reasons.FEATURE_NOT_UNDERSTOOD) and not told:
                self._rules.observer.refused(
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
            self._rules.observer.refused(reasons.BLOB_MISSING, str(error) or "timeout")
        return found, bad

    def _verified(self, offered: Iterable[Blob]) -> tuple[dict[str, bytes], frozenset[str]]:
        good, bad = verified_blobs((blob.digest, blob.content.encode()) for blob in offered)
        for _ in bad:
            self._rules.observer.refused(reasons.BAD_DIGEST, "a blob is not what its digest says")
        return good, bad

    async def _keep(self, view: View, proposal: Proposal, confirmed_at: float) -> bool:
        """Give the view to every tier, and wait for those that make it last. Return whether it lasts."""
        saves = [(keeper, keeper.save(view, proposal.step, confirmed_at)) for keeper in self._rules.keepers]
        waited = [keeper.wait(tried) for keeper, tried in saves if keeper.tier.durable]
        return bool(waited) and all(await asyncio.gather(*waited))

    def _is_kept(self) -> bool:
        durable = [keeper for keeper in self._rules.keepers if keeper.tier.durable]
        return bool(durable) and all(keeper.holds_everything() for keeper in durable)

    def _check_current(self, view: View) -> None:
        """While something was fetched or kept, something newer may have come from elsewhere."""
        now = self._view()
        if now is not None and now.position > view.position:
            raise Refused(reasons.LOWER_POSITION, f"{view.position}, held is {now.position} meanwhile")

    def _check_floor(self, proposal: Proposal) -> None:
        if self._floor is not None and proposal.header.position <= self._floor:
            raise Refused(reasons.LOWER_POSITION, f"revoked at {self._floor}")


async def _computed(size: int, compute: Callable[[], _Result]) -> _Result:
    return await asyncio.to_thread(compute) if size > LARGE else compute()


def _same(held: View, view: View) -> bool:
    """Whether replacing one by the other would change nothing for a reader."""
    return (held.signed, held.source, held.nacks, len(held.blobs)) == (
        view.signed,
        view.source,
        view.nacks,
        len(view.blobs),
    )
