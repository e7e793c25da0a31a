"""What is held of many scopes, once more in Redis: the signed bytes, sealed per scope, for those whose feed is away.

Of each scope there are three keys, called by nothing that anybody without the scope's key can guess: `head`, the signed
header and when the origin confirmed it, by the clock of Redis; `index`, the entries; `blobs`, a hash of contents. The head
is watched while they are written, so that of several writers none takes the mirror back. A channel says that there is news.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from promptops.api import reasons
from promptops.api.feed import Position, Signed
from promptops.api.wire import Unreadable, read
from promptops.cache.clock import Clock
from promptops.cache.messages import index_message
from promptops.cache.refusal import Refused
from promptops.cache.store import Step
from promptops.cache.tiers.redis_server import Outrun, Redis, RedisFailure, RedisServer, raw
from promptops.cache.tiers.sealing import Seal, Seals
from promptops.cache.tiers.tier import Loaded, OnError
from promptops.cache.verifier import Verifier
from promptops.cache.view import View

KEPT_SECONDS: Final = 30 * 24 * 3600
"""So long the mirror remembers a scope that nobody confirms."""
_SAME_CONFIRMATION: Final = 1.0
"""Seconds by which a confirmation has to be later to be worth a write."""
_encoder = msgspec.json.Encoder()


class MirrorHead(msgspec.Struct, frozen=True):
    """What the mirror holds of a scope."""

    signed: Signed
    """The header, or the revocation."""
    revoked: bool
    at: float
    """When the origin confirmed it, by the clock of Redis."""


class MirrorPlaces:
    """What a scope's keys are called."""

    def __init__(self, seal: Seal) -> None:
        # In braces: in a cluster of servers they lie on one of them, and can be written at once.
        address = f"promptops:{{{seal.name('scope')}}}"
        self.head = f"{address}:head"
        self.index = f"{address}:index"
        self.blobs = f"{address}:blobs"
        self.channel = f"{address}:news"


def position_of(head: MirrorHead, verifier: Verifier) -> Position:
    """Return where the mirror stands. Raises Refused unless that was signed."""
    if head.revoked:
        return verifier.verify_revocation(head.signed).position
    return verifier.verify(head.signed).position


def opened_head(sealed: bytes, seal: Seal) -> tuple[str, MirrorHead]:
    """Return whose head lies there, and the head. Raises Refused."""
    scope, data = seal.open(sealed, "head")
    try:
        return scope, read(data, MirrorHead)
    except Unreadable:
        raise Refused(reasons.MALFORMED, "not a head") from None


@dataclass(frozen=True)
class _Known:
    """What is in Redis of a scope, as far as its head is still this one."""

    head: bytes
    fields: frozenset[str]
    """Of the hash of contents."""


@dataclass(frozen=True)
class _Found:
    """What was found in Redis, and when, by its clock."""

    sealed: bytes | None
    head: MirrorHead | None
    position: Position | None
    """None: nothing that could be believed."""
    now: float
    has_index: bool
    blobs: int


class Mirror:
    """A tier that is filled and never waited for. Reading is for `MirrorReader`: it needs no right to write."""

    name = "redis"
    durable = False

    def __init__(self, server: RedisServer, seals: Seals, verifier: Verifier, clock: Clock, on_error: OnError) -> None:
        self.problem: str | None = None
        """Why the last call was not done; None when it was."""
        self._server = server
        self._seals = seals
        self._verifier = verifier
        self._clock = clock
        self._on_error = on_error
        self._views: dict[str, View] = {}
        """By scope, what should be there: Redis may forget at any time."""
        self._known: dict[str, _Known] = {}

    def load(self) -> tuple[Loaded, ...]:
        """Nothing: what is in the mirror is looked at when the feed is away, not once at the start."""
        return ()

    def save(self, view: View, step: Step | None, confirmed_at: float) -> bool:
        """Write what the mirror lacks of the view, unless it holds something newer. Returns whether that is so now."""
        if view.signed is not None:
            self._views[view.header.scope] = view
        return self._kept(view, confirmed_at)

    def stamp(self, scope: str, position: Position, confirmed_at: float) -> bool:
        """Note that the origin confirmed the position, and write again what Redis has lost of it."""
        view = self._views.get(scope)
        return view is None or view.position != position or self._kept(view, confirmed_at)

    def drop(self, scope: str, revocation: Signed) -> bool:
        """Leave nothing but that the namespace is gone."""
        self._views.pop(scope, None)
        return self._done(lambda redis: self._drop(redis, scope, revocation))

    def keep_only(self, scope: str) -> bool:
        """Forget what should be there of other scopes. What is there is theirs."""
        self._views = {each: view for each, view in self._views.items() if each == scope}
        return True

    def close(self) -> None:
        """End the connections."""
        self._server.close()

    def _kept(self, view: View, confirmed_at: float) -> bool:
        signed = view.signed
        return signed is None or self._done(lambda redis: self._save(redis, view, signed, confirmed_at))

    def _done(self, act: Callable[[Redis], None]) -> bool:
        try:
            self._server.run(act)
        except Outrun:
            return False
        except RedisFailure as failure:
            self.problem = failure.reason
            self._on_error(failure.reason, failure.detail)
            return False
        self.problem = None
        return True

    def _save(self, redis: Redis, view: View, signed: Signed, confirmed_at: float) -> None:
        scope = view.header.scope
        seal = self._seals.of(scope)
        places = MirrorPlaces(seal)
        with redis.pipeline() as pipe:
            pipe.watch(places.head)
            found = self._found(pipe, places, seal)
            if found.position is not None and found.position > view.position:
                return
            is_there = found.position == view.position and found.has_index
            at = found.now - (self._clock.now() - confirmed_at)
            # Beside a head that nobody we believe has sealed nothing else counts.
            known = self._fields(pipe, places, scope, found) if found.position is not None else frozenset[str]()
            wanted = {seal.name(digest): digest for digest in view.blobs}
            is_whole = is_there and wanted.keys() <= known
            if is_whole and found.head is not None and at - found.head.at < _SAME_CONFIRMATION:
                return
            pipe.multi()
            if found.position is None:
                pipe.delete(places.blobs)
            if not is_whole:
                self._put(pipe, places, seal, view, {name: wanted[name] for name in wanted.keys() - known})
                if gone := known - wanted.keys():
                    pipe.hdel(places.blobs, *gone)
            head = seal.seal(_encoder.encode(MirrorHead(signed, False, at)), scope, "head")
            self._write_head(pipe, places, head, news=not is_there)
            pipe.execute()
        self._known[scope] = _Known(head, frozenset(known if is_whole else wanted))

    def _found(self, pipe: Redis, places: MirrorPlaces, seal: Seal) -> _Found:
        """Look at what is there. What nobody we believe has sealed and signed is told, and as good as not there."""
        sealed = raw(pipe.get(places.head))
        seconds, microseconds = pipe.time()
        has_index, blobs = bool(pipe.exists(places.index)), int(pipe.hlen(places.blobs))
        head = position = None
        if sealed is not None:
            try:
                _, head = opened_head(sealed, seal)
                position = position_of(head, self._verifier)
            except Refused as refusal:
                self._on_error(refusal.reason, f"in the mirror: {refusal.detail}; it is written again")
        return _Found(sealed, head, position, seconds + microseconds / 1e6, has_index, blobs)

    def _fields(self, pipe: Redis, places: MirrorPlaces, scope: str, found: _Found) -> frozenset[str]:
        known = self._known.get(scope)
        if known is not None and known.head == found.sealed and len(known.fields) == found.blobs:
            return known.fields
        return frozenset((raw(name) or b"").decode() for name in pipe.hkeys(places.blobs))

    def _put(self, pipe: Redis, places: MirrorPlaces, seal: Seal, view: View, lacking: dict[str, str]) -> None:
        scope = view.header.scope
        index = _encoder.encode(index_message(view, with_blobs=False))
        pipe.set(places.index, seal.seal(index, scope, "index"))
        for name, digest in lacking.items():
            pipe.hset(places.blobs, name, seal.seal(view.blobs[digest], scope, digest))

    def _write_head(self, pipe: Redis, places: MirrorPlaces, head: bytes, *, news: bool) -> None:
        pipe.set(places.head, head, ex=KEPT_SECONDS)
        for key in (places.index, places.blobs):
            pipe.expire(key, KEPT_SECONDS)
        if news:
            pipe.publish(places.channel, b"")

    def _drop(self, redis: Redis, scope: str, revocation: Signed) -> None:
        seal = self._seals.of(scope)
        places = MirrorPlaces(seal)
        with redis.pipeline() as pipe:
            pipe.watch(places.head)
            found = self._found(pipe, places, seal)
            if found.position is not None and found.position > self._verifier.verify_revocation(revocation).position:
                return
            pipe.multi()
            pipe.delete(places.index, places.blobs)
            head = seal.seal(_encoder.encode(MirrorHead(revocation, True, found.now)), scope, "head")
            self._write_head(pipe, places, head, news=True)
            pipe.execute()
        self._known.pop(scope, None)
