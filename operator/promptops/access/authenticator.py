"""Who calls the feed: a ServiceAccount token, asked of the API server, leads to a namespace and to nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from promptops.api import reasons
from promptops.cluster.errors import ClusterError
from promptops.cluster.tokens import Review, TokenRefused, TokenReviewer
from promptops.feed.authentication import AuthenticationUnavailable, Caller, NotEntitled, Unauthenticated
from promptops.telemetry.operator import OperatorMetrics

ACCEPTED_SECONDS = 60.0
REFUSED_SECONDS = 5.0
"""A refused token is not asked about again so soon: a broken follower must not cost the API server anything."""
_MAX_REMEMBERED = 20_000


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
        reviewer: TokenReviewer,
        places: Places,
        metrics: OperatorMetrics,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._reviewer = reviewer
        self._places = places
        self._metrics = metrics
        self._monotonic = monotonic
        self._wall = wall
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Remembered]] = {}

    async def __call__(self, token: str) -> Caller:
        """Return whom the token was issued to. Raises a Refusal of the feed."""
        remembered = await self._known_or_asked(token)
        if remembered.review is None:
            raise Unauthenticated(remembered.refusal)
        review = remembered.review
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
            self._metrics.token_reviews.labels("cached").inc()
            return known
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._ask(digest, token))
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        # Shielded: a caller that hangs up must not fail the others that wait for the same answer.
        return await asyncio.shield(task)

    def _holds(self, known: _Remembered) -> bool:
        if self._monotonic() >= known.until:
            return False
        return known.review is None or known.scope == self._places.scope_of(known.review.namespace)

    async def _ask(self, digest: bytes, token: str) -> _Remembered:
        asked_at = self._monotonic()
        try:
            review = await self._reviewer.review(token)
        except TokenRefused as refused:
            self._metrics.token_reviews.labels("refused").inc()
            return self._remember(digest, _Remembered(None, str(refused), None, asked_at + REFUSED_SECONDS))
        except ClusterError:
            self._metrics.token_reviews.labels("unavailable").inc()
            raise AuthenticationUnavailable("the API server cannot be asked about the token now; retry") from None
        self._metrics.token_reviews.labels("accepted").inc()
        left = ACCEPTED_SECONDS if review.expires is None else min(ACCEPTED_SECONDS, review.expires - self._wall())
        scope = self._places.scope_of(review.namespace)
        return self._remember(digest, _Remembered(review, "", scope, asked_at + left))

    def _remember(self, digest: bytes, answer: _Remembered) -> _Remembered:
        self._remembered[digest] = answer
        self._remembered.move_to_end(digest)
        while len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return answer
