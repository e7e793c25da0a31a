"""Who calls the feed. A token says it; no request names a namespace.

NotAdmitted
├── Unauthenticated              no token, or none that is good for the feed; another one may be
├── NotEntitled                  a good token of somebody who may not follow; asking again is useless
├── AuthenticationUnavailable    nobody can say now whether the token is good; retry
└── TooMany                      more than one caller may have; retry_after
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from promptops.api import reasons
from promptops.api.feed import Relayed


@dataclass(frozen=True)
class Caller:
    """Whom a bearer token was issued to."""

    scope: str
    """uid of the namespace."""
    namespace: str
    tenant: str
    pod_uid: str | None
    """None for a token that is bound to no pod."""
    service_account: str
    relays: bool = False
    """Whether it may follow every scope and speak for those who follow it."""

    @property
    def identity(self) -> tuple[str, str | None, str]:
        """Whose budgets these are: the pod's, or those of everybody who shows tokens of the account bound to none."""
        return (self.scope, self.pod_uid, self.service_account)


def spoken_for(relayed: Relayed) -> Caller:
    """Return whose report a relay passes on: it has asked about their token."""
    return Caller(relayed.scope, relayed.namespace, "", relayed.pod_uid, relayed.service_account)


class NotAdmitted(Exception):
    """Root of what an authenticator can answer instead of a caller."""

    status: int
    code: str

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unauthenticated(NotAdmitted):
    """No token, or one that was not issued for the feed, has expired, or whose pod is gone."""

    status = 401
    code = reasons.UNAUTHENTICATED


class NotEntitled(NotAdmitted):
    """A good token that may not follow: `code` says why (TenantUnknown)."""

    status = 403

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class AuthenticationUnavailable(NotAdmitted):
    """Whether the token is good cannot be found out now; retry."""

    status = 503
    code = reasons.AUTHENTICATION_UNAVAILABLE


class TooMany(NotAdmitted):
    """More than a caller may have: tokens that are refused, streams, reports. `retry_after`: seconds to wait."""

    status = 429
    code = reasons.TOO_MANY_REQUESTS

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


Authenticate = Callable[[str], Awaitable[Caller]]
"""Returns the caller that a bearer token belongs to. Raises a NotAdmitted."""
