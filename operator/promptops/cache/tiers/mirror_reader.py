"""One scope's mirror in Redis as a reader sees it: opened, verified, and as old as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from promptops.api import reasons
from promptops.api.feed import Blob
from promptops.cache.clock import Clock
from promptops.cache.messages import IndexMessage, decode_index
from promptops.cache.refusal import Refused
from promptops.cache.tiers.mirror import MirrorPlaces, opened_head, position_of
from promptops.cache.tiers.redis_server import News, Redis, RedisFailure, RedisServer, raw
from promptops.cache.tiers.sealing import Seal
from promptops.cache.tiers.tier import Glimpse, MirrorAway, OnError
from promptops.cache.verifier import Verifier

Result = TypeVar("Result")


class MirrorReader:
    """Reads with a right to read alone. A content that is not what it should be is told, and as good as not there."""

    def __init__(self, server: RedisServer, seal: Seal, verifier: Verifier, clock: Clock, on_error: OnError) -> None:
        self._server = server
        self._seal = seal
        self._places = MirrorPlaces(seal)
        self._verifier = verifier
        self._clock = clock
        self._on_error = on_error
        self._news = News(server, self._places.channel)

    def glimpse(self) -> Glimpse | None:
        """Return what the mirror says that it holds; None: nothing. Raises MirrorAway and Refused."""

        def looked(redis: Redis) -> tuple[bytes | None, float]:
            seconds, microseconds = redis.time()
            return raw(redis.get(self._places.head)), seconds + microseconds / 1e6

        sealed, now = self._asked(looked)
        if sealed is None:
            return None
        scope, head = opened_head(sealed, self._seal)
        confirmed_at = self._clock.now() - max(0.0, now - head.at)
        return Glimpse(scope, position_of(head, self._verifier), head.signed, head.revoked, confirmed_at)

    def index(self) -> IndexMessage | None:
        """Return the index that lies there, not verified yet; None: none. Raises MirrorAway and Refused."""
        sealed = self._asked(lambda redis: raw(redis.get(self._places.index)))
        return decode_index(self._seal.open(sealed, "index")[1]) if sealed is not None else None

    def blobs(self, digests: Sequence[str]) -> tuple[Blob, ...]:
        """Return those of the contents that lie there, not verified yet. Raises MirrorAway."""
        names = [self._seal.name(digest) for digest in digests]
        there = self._asked(lambda redis: [raw(each) for each in redis.hmget(self._places.blobs, names)])
        opened = [self._opened(digest, sealed) for digest, sealed in zip(digests, there, strict=True) if sealed]
        return tuple(blob for blob in opened if blob is not None)

    def changed(self, seconds: float) -> bool:
        """Wait so long for news. Returns whether there are any. Raises MirrorAway."""
        return self._asked(lambda _: self._news.heard(seconds))

    def close(self) -> None:
        """End the connections."""
        self._news.close()
        self._server.close()

    def _opened(self, digest: str, sealed: bytes) -> Blob | None:
        try:
            return Blob(digest, self._seal.open(sealed, digest)[1].decode())
        except (Refused, UnicodeDecodeError) as error:
            self._on_error(
                error.reason if isinstance(error, Refused) else reasons.BAD_DIGEST, "a content in the mirror"
            )
            return None

    def _asked(self, act: Callable[[Redis], Result]) -> Result:
        try:
            return self._server.run(act)
        except RedisFailure as failure:
            raise MirrorAway(failure.reason, failure.detail) from None
