"""Who sends a request, by the token it shows, and what is answered to whoever is not let in."""

from __future__ import annotations

from promptops.feed.authentication import Authenticate, Caller, NotAdmitted, TooMany, Unauthenticated
from promptops.web.problems import HttpRefusal, problem
from promptops.web.requests import Head


async def caller_of(head: Head, authenticate: Authenticate) -> Caller:
    """Return whose token a request shows. Raises HttpRefusal."""
    scheme, _, token = head.header(b"authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise not_admitted(
            Unauthenticated("show a ServiceAccount token for the audience promptops.io/feed as a bearer token")
        )
    try:
        return await authenticate(token.strip())
    except NotAdmitted as error:
        raise not_admitted(error) from None


def not_admitted(error: NotAdmitted) -> HttpRefusal:
    """Return what a caller is told that is not let in."""
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else None
    if isinstance(error, TooMany):
        headers = {"retry-after": str(error.retry_after)}
    return refusal(error.status, error.code, error.detail, headers)


def refusal(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> HttpRefusal:
    """Return a refusal that may be retried when it is not the caller's fault."""
    return HttpRefusal(problem(status, code, detail, retryable=status >= 500 or status == 429), headers)
