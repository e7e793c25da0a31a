"""Who calls the feed: a ServiceAccount token, asked of the API server, leads to a namespace and to nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from promptops.access.claims import Claims, Hopeless, read_claims
from promptops.access.questions import Questions
from promptops.api import reasons
from promptops.cluster.errors import ClusterError
from promptops.cluster.tokens import Review, TokenRefused
from promptops.feed.authentication import AuthenticationUnavailable, Caller, NotEntitled, TooMany, Unauthenticated
from promptops.telemetry.feed import FeedMetrics

ACCEPTED_SECONDS = 60.0
REFUSED_SECONDS = 5.0
"""A refused token is not asked about again so soon: a broken follower must not cost the API server anything."""
_MAX_REMEMBERED = 20_000


class Reviewer(Protocol):
    """Asks the API server."""

    async def review(self, token: str) -> Review:
        """Say whose token this is. Raises TokenRefused, or a ClusterError when nothing is known."""


@dataclass(frozen=True)
class Places:
    """What a namespace is now, looked up when somebody calls."""

    scope_of: Callable[[str], str | None]
    tenant_of: Callable[[str], str | None]


@dataclass(frozen=True)
class _Remembered:
    review: Review | None
    """None: refused."""
    refusal: str
    scope: str | None
    """uid of the namespace when the token was asked about: a namespace of the same name later is another one."""
    until: float


class Authenticator:
    """Asks once a minute and token."""

    def __init__(
        self,
        reviewer: Reviewer,
        places: Places,
        metrics: FeedMetrics,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        *,
        relays: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """`relays`: namespace and name of the ServiceAccounts that may follow every scope."""
        self._relays = relays
        self._reviewer = reviewer
        self._places = places
        self._metrics = metrics
        self._monotonic = monotonic
        self._wall = wall
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Remembered]] = {}
        self._questions = Questions(monotonic)

    async def __call__(self, token: str) -> Caller:
        """Return whom the token was issued to. Raises a Refusal of the feed."""
        remembered = await self._known_or_asked(token)
        if remembered.review is None:
            raise Unauthenticated(remembered.refusal)
        review = remembered.review
        if (review.namespace, review.service_account) in self._relays:
            # Whatever its own namespace is: it asks for none.
            return Caller("", review.namespace, "", review.pod_uid, review.service_account, relays=True)
        scope = self._places.scope_of(review.namespace)
        if scope is None:
            # The token is good, so the namespace is there: we have not heard of it yet.
            raise AuthenticationUnavailable("the namespace is not known yet; retry")
        tenant = self._places.tenant_of(review.namespace)
        if tenant is None:
            raise NotEntitled(
                reasons.TENANT_UNKNOWN, "no Tenant claims this namespace; ask your platform team to add it to one"
            )
        return Caller(scope, review.namespace, tenant, review.pod_uid, review.service_account)

    async def _known_or_asked(self, token: str) -> _Remembered:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None and self._holds(known):
            self._metrics.token_reviewed("cached")
            return known
        task = self._asking.get(digest)
        if task is None:
            claims = self._claims(token)
            was_good = known is not None and known.review is not None
            task = self._asking[digest] = asyncio.create_task(self._ask(digest, token, claims, was_good=was_good))
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        # Shielded: a caller that hangs up must not fail the others that wait for the same answer.
        return await asyncio.shield(task)

    def _claims(self, token: str) -> Claims:
        """Read what spares a question. Raises Unauthenticated."""
        try:
            return read_claims(token, self._wall())
        except Hopeless as error:
            self._metrics.token_reviewed("malformed")
            raise Unauthenticated(str(error)) from None

    def _holds(self, known: _Remembered) -> bool:
        if self._monotonic() >= known.until:
            return False
        return known.review is None or known.scope == self._places.scope_of(known.review.namespace)

    async def _ask(self, digest: bytes, token: str, claims: Claims, *, was_good: bool) -> _Remembered:
        """Ask about a token. One that was good is no stranger's, and does not wait for strangers."""
        asked_at = self._monotonic()
        try:
            review = await (self._reviewer.review(token) if was_good else self._ask_of_stranger(token, claims))
        except TooMany:
            self._metrics.token_reviewed("limited")
            raise
        except TokenRefused as refused:
            self._metrics.token_reviewed("refused")
            return self._remember(digest, _Remembered(None, str(refused), None, asked_at + REFUSED_SECONDS))
        except ClusterError:
            self._metrics.token_reviewed("unavailable")
            raise AuthenticationUnavailable("the API server cannot be asked about the token now; retry") from None
        self._metrics.token_reviewed("accepted")
        left = ACCEPTED_SECONDS if claims.expires is None else min(ACCEPTED_SECONDS, claims.expires - self._wall())
        scope = self._places.scope_of(review.namespace)
        return self._remember(digest, _Remembered(review, "", scope, asked_at + left))

    async def _ask_of_stranger(self, token: str, claims: Claims) -> Review:
        async with self._questions.one(claims.subject):
            return await self._reviewer.review(token)

    def _remember(self, digest: bytes, answer: _Remembered) -> _Remembered:
        self._remembered[digest] = answer
        self._remembered.move_to_end(digest)
        while len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return answer
