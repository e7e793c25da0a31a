"""Whatever goes wrong, as an RFC 9457 problem: a status, a code that a program can act on, and a sentence."""

from typing import Final
from urllib.parse import parse_qsl

import msgspec

from promptops.api import reasons
from promptops.api.http import Problem
from promptops.rendering.errors import (
    InvalidInput,
    InvalidVariables,
    PromptDisabled,
    PromptError,
    PromptNotFound,
    TooManyRenders,
)
from promptops.rendering.names import shown

INTERNAL_ERROR: Final = "InternalError"
METHOD_NOT_ALLOWED: Final = "MethodNotAllowed"
ROUTE_NOT_FOUND: Final = "RouteNotFound"
UNSUPPORTED_ENCODING: Final = "UnsupportedEncoding"
FORBIDDEN_HOST: Final = "ForbiddenHost"
FORBIDDEN_ORIGIN: Final = "ForbiddenOrigin"
REQUEST_TIMEOUT: Final = "RequestTimeout"
TOO_MANY_CONNECTIONS: Final = "TooManyConnections"

_TITLES: Final = {
    reasons.PROMPT_NOT_FOUND: "Prompt not found",
    reasons.VERSION_NOT_FOUND: "Version not found",
    reasons.PROMPT_DISABLED: "Prompt disabled",
    reasons.PROMPT_UNAVAILABLE: "Prompt unavailable",
    reasons.TOO_STALE: "Prompt too old",
    reasons.NOT_READY: "Not ready",
    reasons.RENDER_NOT_FOUND: "Render not found",
    reasons.TOO_MANY_REQUESTS: "Too many requests",
    reasons.INVALID_VARIABLES: "Invalid variables",
    reasons.INVALID_REQUEST: "Invalid request",
    reasons.REQUEST_TOO_LARGE: "Request too large",
    reasons.OUTPUT_TOO_LARGE: "Output too large",
    reasons.BUDGET_EXCEEDED: "Too much work",
    reasons.TOO_MANY_REQUESTS: "Too many requests",
    reasons.RENDER_FAILED: "Values do not fit the template",
    INTERNAL_ERROR: "Internal error",
    METHOD_NOT_ALLOWED: "Method not allowed",
    ROUTE_NOT_FOUND: "No such route",
    UNSUPPORTED_ENCODING: "Unsupported content encoding",
    FORBIDDEN_HOST: "Host not allowed",
    FORBIDDEN_ORIGIN: "Origin not allowed",
    REQUEST_TIMEOUT: "Request timed out",
    TOO_MANY_CONNECTIONS: "Too many connections",
}


class HttpRefusal(Exception):
    """A request gets this problem as its answer; `headers` go with it."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or {}


def problem(status: int, code: str, detail: str, *, retryable: bool = False) -> Problem:
    """Return a problem that no error of the domain stands for."""
    return Problem(title=_TITLES.get(code, code), status=status, code=code, detail=detail, retryable=retryable)


def refuse_query(query: str | None) -> None:
    """Refuse what stands behind a question mark: no call takes anything there, so it would do nothing. Raises HttpRefusal."""
    if query is not None:
        raise HttpRefusal(
            problem(400, reasons.INVALID_REQUEST, "this path takes no query string; leave out the ? and the rest")
        )


def read_query(query: str | None, known: frozenset[str]) -> dict[str, str]:
    """Return what stands behind a question mark, each name once. Raises HttpRefusal for anything that would do nothing."""
    try:
        pairs = parse_qsl(query or "", keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise _wrong_query("the query string cannot be read: it is like name=value&name=value") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _wrong_query("the query string has the same name twice")
    if unknown := found.keys() - known:
        raise _wrong_query(f"the query string has {shown(min(unknown))}; known here: {', '.join(sorted(known))}")
    return found


def _wrong_query(detail: str) -> HttpRefusal:
    return HttpRefusal(problem(400, reasons.INVALID_REQUEST, detail))


def no_such_route(path: str) -> HttpRefusal:
    """Return the refusal of a path under which nothing is served."""
    detail = "nothing is served under this path"
    if path.endswith("/"):
        detail += "; leave out the slash at its end"
    return HttpRefusal(problem(404, ROUTE_NOT_FOUND, detail))


def wrong_method(allowed: tuple[str, ...]) -> HttpRefusal:
    """Return the refusal of a method; it names those that are answered."""
    names = ", ".join(allowed)
    return HttpRefusal(problem(405, METHOD_NOT_ALLOWED, f"this path answers to {names}"), {"allow": names})


def problem_of(error: PromptError) -> Problem:
    """Return the problem that an error of the domain is outside."""
    drawn = problem(_status(error), error.reason, str(error), retryable=error.retryable)
    if isinstance(error, InvalidVariables):
        return msgspec.structs.replace(drawn, errors=error.errors)
    if isinstance(error, PromptNotFound):
        return msgspec.structs.replace(drawn, suggested_prompts=error.suggestions)
    return drawn


def internal_error() -> Problem:
    """Return the problem that stands for a fault of ours; it says nothing about the request."""
    return problem(500, INTERNAL_ERROR, "the server failed to answer; its log says where")


def _status(error: PromptError) -> int:
    if isinstance(error, PromptNotFound):
        return 404
    if isinstance(error, PromptDisabled):
        return 409
    if isinstance(error, TooManyRenders):
        return 429
    if isinstance(error, InvalidInput):
        return {reasons.INVALID_REQUEST: 400, reasons.REQUEST_TOO_LARGE: 413}.get(error.reason, 422)
    return 503
