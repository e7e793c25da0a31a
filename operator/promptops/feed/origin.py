"""The origin: numbers, signs and publishes what was decided. Nothing is published for a scope before begin()."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from promptops.api.feed import PROTOCOL, Blob, Entry, Header, Position, Revocation
from promptops.cache.advance import Proposal, settle
from promptops.cache.index import EncodedEntry, encode_entry
from promptops.cache.signing import Signer
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.feed.open_scope import OpenScope, step_between
from promptops.feed.pool import Pool

Publication = Callable[[str, frozenset[str]], None]
"""Told of a scope and the names whose entries another position has just brought, or taken away."""


def _nobody(_scope: str, _names: frozenset[str]) -> None:
    """Nobody wants to know."""


class Origin:
    """One leadership. Belongs to one event loop; a later leadership makes a new one with a higher term."""

    def __init__(
        self,
        signer: Signer,
        epoch: int,
        term: int,
        *,
        on_publication: Publication = _nobody,
    ) -> None:
        self._signer = signer
        self._epoch = epoch
        self._term = term
        self._confirmed_at: float | None = None
        self._on_publication = on_publication
        self._ended = False
        self._scopes: dict[str, OpenScope] = {}
        self._pool = Pool()
        # Outlives a scope that is closed and opened again: a position is never given twice.
        self._seqs: dict[str, int] = {}

    @property
    def epoch(self) -> int:
        """The epoch that publications carry now."""
        return self._epoch

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that is open."""
        return tuple(self._scopes)

    def namespace_of(self, scope: str) -> str | None:
        """Return the name of the namespace that an open scope is."""
        state = self._scopes.get(scope)
        return state.namespace if state is not None else None

    def tenant_of(self, scope: str) -> str | None:
        """Return the tenant that an open scope belongs to."""
        state = self._scopes.get(scope)
        return state.tenant if state is not None else None

    def wanted_uid(self, scope: str, name: str) -> str | None:
        """Return the uid of the object that was put under a name last."""
        state = self._scopes.get(scope)
        wanted = state.wanted.get(name) if state is not None else None
        return wanted.uid if wanted is not None else None

    def has_begun(self, scope: str) -> bool:
        """Tell whether the scope is published."""
        return scope in self._scopes and self._scopes[scope].begun

    def open(self, scope: str, namespace: str, tenant: str, renders_per_second: int = 0) -> None:
        """Admit a namespace; publish it with begin(). Again with another tenant or limit (0: none): signed anew."""
        known = self._scopes.get(scope)
        if known is None:
            self._scopes[scope] = known = OpenScope(scope, namespace, tenant)
        elif (known.namespace, known.tenant, known.renders_per_second) == (namespace, tenant, renders_per_second):
            return
        known.namespace, known.tenant, known.renew = namespace, tenant, True
        known.renders_per_second = renders_per_second
        self._schedule(known)

    def close(self, scope: str) -> None:
        """Admit a namespace no longer. Followers are sent away and keep what they hold."""
        state = self._scopes.pop(scope, None)
        if state is not None:
            self._forget(state)
            state.store.end("Closed")

    def lacking(self, scope: str, entry: Entry) -> frozenset[str]:
        """Return the digests that an entry names and that have to come with it. Raises KeyError when the scope is not open."""
        return entry.digests() - self._scopes[scope].blobs.keys()

    def put(self, scope: str, entry: Entry, blobs: Iterable[Blob] = ()) -> None:
        """Serve this entry. `blobs` may leave out what the scope holds already.

        Raises KeyError when the scope is not open and ValueError when a blob is not what its digest says, or an active
        entry's blob is not there.
        """
        state = self._scopes[scope]
        encoded = encode_entry(entry)
        self._keep_blobs(state, encoded, blobs)
        state.wanted[entry.name] = encoded
        self._touch(state, entry.name)

    def remove(self, scope: str, name: str, uid: str) -> None:
        """Serve nothing under this name any more, unless another object of the name has taken over."""
        state = self._scopes.get(scope)
        if state is not None and name in state.wanted and state.wanted[name].uid == uid:
            del state.wanted[name]
            self._touch(state, name)

    def freeze(self, scope: str) -> None:
        """Publish nothing more for a namespace that is going away: its draining pods still render. Confirmations go on."""
        if scope in self._scopes:
            self._scopes[scope].frozen = True

    def revoke(self, scope: str) -> None:
        """The namespace is gone: tell its followers, signed, to hold nothing any more."""
        state = self._scopes.pop(scope, None)
        if state is None:
            return
        self._forget(state)
        position = self._next(state)
        self._seqs[scope] = position.seq
        revocation = Revocation(PROTOCOL, scope, True, position.epoch, position.term, position.seq, self._signer.kid)
        state.store.drop(self._signer.sign(revocation))

    def begin(self, *scopes: str) -> None:
        """Publish scopes (none named: all that are open) whole, also without prompts, once everything known has been put."""
        for scope in scopes or tuple(self._scopes):
            state = self._scopes.get(scope)
            if state is not None and not state.begun:
                state.begun = True
                self._publish(state)

    def renew(self, signer: Signer) -> None:
        """Sign with another key from now on, and what is published once more: what the key before signed is forgotten."""
        self._signer = signer
        for state in self._scopes.values():
            state.renew = True
            self._publish(state)

    def raise_epoch(self, epoch: int) -> None:
        """Publish every scope again, above everything that any earlier leader can have published."""
        if epoch <= self._epoch:
            raise ValueError(f"the epoch {epoch} is not above {self._epoch}")
        self._epoch = epoch
        for state in self._scopes.values():
            state.renew = True
            # A follower of the higher position may hold other entries there: none of them counts as served.
            state.pending.update(state.wanted)
            state.changed_at.clear()
            self._publish(state)

    def store(self, scope: str) -> Store | None:
        """What is served to the scope; None before anything is published for it."""
        state = self._scopes.get(scope)
        return state.store if state is not None and state.store.current is not None else None

    def position(self, scope: str) -> Position | None:
        """Where the scope stands; None before anything is published for it."""
        store = self.store(scope)
        return store.current.position if store is not None and store.current is not None else None

    def published(self, scope: str, name: str) -> Entry | None:
        """The entry that followers are offered under this name now."""
        store = self.store(scope)
        encoded = store.current.index.get(name) if store is not None and store.current is not None else None
        return encoded.entry if encoded is not None else None

    def changed_at(self, scope: str, name: str) -> Position | None:
        """The position that brought the decision that was put last; None while it is not published.

        Which other versions may be asked for is no decision: it does not move this position.
        """
        state = self._scopes.get(scope)
        if state is None or (name in state.pending and not state.is_offered(name)):
            return None
        return state.changed_at.get(name)

    def confirm(self, at: float) -> None:
        """Tell every follower that what is published was current at `at` (CLOCK_BOOTTIME): our leadership was renewed then.

        Nothing else confirms. Whoever leads no longer calls this no longer, and what followers hold grows old.
        """
        if self._ended:
            return
        self._confirmed_at = at
        for state in self._scopes.values():
            if state.store.current is not None:
                state.store.confirm(at)

    def end(self, reason: str) -> None:
        """This leadership is over: publish nothing more and send the followers away."""
        self._ended = True
        for state in self._scopes.values():
            state.stop_timer()
            state.store.end(reason)

    def _keep_blobs(self, state: OpenScope, encoded: EncodedEntry, blobs: Iterable[Blob]) -> None:
        offered = {blob.digest: blob.content for blob in blobs if blob.digest not in state.blobs}
        missing = encoded.blobs - state.blobs.keys() - offered.keys()
        if missing and encoded.entry is not None and encoded.entry.state == "active":
            raise ValueError(f"{encoded.name} names blobs that are not there: {', '.join(sorted(missing))}")
        for digest in encoded.blobs & offered.keys():
            state.blobs[digest] = self._pool.take(digest, offered[digest])

    def _forget(self, state: OpenScope) -> None:
        state.stop_timer()
        self._pool.release(state.blobs)
        state.blobs = {}

    def _touch(self, state: OpenScope, name: str) -> None:
        if state.note(name):
            self._schedule(state)

    def _schedule(self, state: OpenScope) -> None:
        if not state.begun or self._ended or state.timer is not None:
            return
        loop = asyncio.get_running_loop()
        rest = state.rest(loop.time())
        state.timer = (
            loop.call_later(rest, self._publish, state) if rest > 0.0 else loop.call_soon(self._publish, state)
        )

    def _next(self, state: OpenScope) -> Position:
        return Position(self._epoch, self._term, self._seqs.get(state.uid, 0) + 1)

    def _publish(self, state: OpenScope) -> None:
        state.stop_timer()
        current = state.store.current
        if self._ended or not state.has_something_to_publish:
            return
        state.published_at = asyncio.get_running_loop().time()
        position = self._next(state)
        self._seqs[state.uid] = position.seq
        names = frozenset(state.pending)
        view = self._view(state, position, names)
        step = step_between(current, view, names) if current is not None else None
        state.moved(position, names)
        state.store.swap(view, step)
        if current is None and self._confirmed_at is not None:
            state.store.confirm(self._confirmed_at)
        self._on_publication(state.uid, names)

    def _view(self, state: OpenScope, position: Position, names: frozenset[str]) -> View:
        index = state.index(names)
        header = Header(
            v=PROTOCOL,
            scope=state.uid,
            namespace=state.namespace,
            tenant=state.tenant,
            epoch=position.epoch,
            term=position.term,
            seq=position.seq,
            entries=index.digest,
            count=len(index),
            kid=self._signer.kid,
            renders_per_second=state.renders_per_second,
        )
        proposal = Proposal(header, self._signer.sign(header), index, names)
        named = {digest for name in names if name in index for digest in index[name].blobs}
        offered = {digest: state.blobs[digest] for digest in named if digest in state.blobs}
        view = settle(state.store.current, proposal, offered, "live")
        unnamed = state.blobs.keys() - view.blobs.keys()
        self._pool.release(unnamed)
        for digest in unnamed:
            del state.blobs[digest]
        return view
