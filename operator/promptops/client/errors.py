"""
PromptOpsError                 what every call can raise: error_code, details, retryable
├── AuthenticationError        who calls is not known
├── AuthorizationError         who calls may not
├── PromptNotFoundError        no prompt or version of that name; suggested_prompts
├── ValidationError            the call is wrong; validation_errors names every variable
├── NetworkError               the sidecar cannot be reached
├── TimeoutError               the sidecar did not answer in time
├── RateLimitError             too many calls; retry_after
├── CircuitOpenError           too many calls in a row failed, so none is made for a while; retry_after
├── ServerError                the sidecar cannot answer this now, or at all
├── TenantUnknownError         this process has no client for that tenant; suggested_tenants
├── CacheError                 what a client was told to hold prompts in is not there; cache_type
├── TelemetryError             there is nobody to tell of renders, and a client was told to
├── ConfigurationError         the client's settings cannot be
└── ClientClosedError          the client was closed before
"""

from typing import Any, Final

from promptops.api import reasons
from promptops.api.http import Problem, VariableError
from promptops.api.wire import Unreadable, read

NETWORK: Final = "NetworkError"
TIMEOUT: Final = "Timeout"
UNEXPECTED_ANSWER: Final = "UnexpectedAnswer"
INVALID_CONFIGURATION: Final = "InvalidConfiguration"
CIRCUIT_OPEN: Final = "CircuitOpen"
TENANT_UNKNOWN: Final = "TenantUnknown"
CACHE_UNAVAILABLE: Final = "CacheUnavailable"
TELEMETRY_UNAVAILABLE: Final = "TelemetryUnavailable"
CLIENT_CLOSED: Final = "ClientClosed"


class PromptOpsError(Exception):
    """Root of everything that a call raises.

    `error_code` is for programs, the message for people, `details` is what else is known. `retryable`: the same call
    may succeed later.
    """

    def __init__(
        self, message: str, error_code: str, details: dict[str, Any] | None = None, *, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.details = details or {}
        self.retryable = retryable

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes whole: a task queue hands errors on."""
        return _restored, (type(self), str(self), self.__dict__)


def _restored(kind: type[PromptOpsError], message: str, state: dict[str, Any]) -> PromptOpsError:
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error


class AuthenticationError(PromptOpsError):
    """Who calls is not known."""


class AuthorizationError(PromptOpsError):
    """Who calls may not do this."""


class PromptNotFoundError(PromptOpsError):
    """No prompt, or no version of it, of that name is held."""

    @property
    def suggested_prompts(self) -> tuple[str, ...]:
        """Names that were perhaps meant, the most similar first."""
        return tuple(self.details.get("suggested_prompts", ()))


class ValidationError(PromptOpsError):
    """The call is wrong; sending it again is useless."""

    @property
    def validation_errors(self) -> tuple[VariableError, ...]:
        """What is wrong with which variable; empty when it is the call as a whole."""
        return tuple(self.details.get("validation_errors", ()))


class NetworkError(PromptOpsError):
    """The sidecar cannot be reached, or went away in between."""

    def __init__(self, message: str) -> None:
        super().__init__(message, NETWORK, retryable=True)


class TimeoutError(PromptOpsError):
    """The sidecar did not answer in time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, TIMEOUT, retryable=True)


class RateLimitError(PromptOpsError):
    """Too many calls."""

    @property
    def retry_after(self) -> float | None:
        """Seconds after which to try again, when the server says so."""
        return self.details.get("retry_after")


class CircuitOpenError(PromptOpsError):
    """Too many calls in a row have failed: none is made for a while."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            f"the calls before this one failed; the next one is made in {retry_after:.1f} s",
            CIRCUIT_OPEN,
            {"retry_after": retry_after},
            retryable=True,
        )

    @property
    def retry_after(self) -> float:
        """Seconds after which a call is made again."""
        return float(self.details["retry_after"])


class ServerError(PromptOpsError):
    """The sidecar cannot answer this now (`retryable`), or at all."""


class TenantUnknownError(PromptOpsError):
    """Nobody has added a tenant of that name."""

    def __init__(self, tenant: object, suggested: tuple[str, ...] = ()) -> None:
        meant = f"; did you mean {suggested[0]}?" if suggested else ": add it with add_tenant"
        super().__init__(
            f"there is no tenant {ascii(tenant)[:80]} here{meant}", TENANT_UNKNOWN, {"suggested_tenants": suggested}
        )

    @property
    def suggested_tenants(self) -> tuple[str, ...]:
        """Names that were perhaps meant, the most similar first."""
        return tuple(self.details["suggested_tenants"])


class CacheError(PromptOpsError):
    """What a client was told to hold prompts in is not there (`retryable`: now). It renders without it."""

    def __init__(self, message: str, cache_type: str, *, retryable: bool) -> None:
        super().__init__(message, CACHE_UNAVAILABLE, {"cache_type": cache_type}, retryable=retryable)

    @property
    def cache_type(self) -> str:
        """Which one, as in `redis`."""
        return str(self.details["cache_type"])


class TelemetryError(PromptOpsError):
    """There is nobody to tell of renders, and a client was told to."""

    def __init__(self, message: str) -> None:
        super().__init__(message, TELEMETRY_UNAVAILABLE)


class ConfigurationError(PromptOpsError):
    """What a client was given, or finds in the environment, cannot be."""

    def __init__(self, message: str) -> None:
        super().__init__(message, INVALID_CONFIGURATION)


class ClientClosedError(PromptOpsError):
    """The client was closed before; make a new one."""

    def __init__(self) -> None:
        super().__init__("this client is closed; make a new one", CLIENT_CLOSED)


_BY_STATUS: Final[dict[int, type[PromptOpsError]]] = {
    400: ValidationError,
    401: AuthenticationError,
    403: AuthorizationError,
    408: ServerError,
    413: ValidationError,
    415: ValidationError,
    422: ValidationError,
    429: RateLimitError,
}
_NOT_FOUND: Final = frozenset({reasons.PROMPT_NOT_FOUND, reasons.VERSION_NOT_FOUND})


def error_of(status: int, body: bytes, retry_after: str | None = None) -> PromptOpsError:
    """Return the error that an answer stands for, be it a problem or anything else."""
    try:
        problem = read(body, Problem)
    except Unreadable:
        # Not from a sidecar: what it says may be anything, and is not repeated.
        message = f"the answer with status {status} is not one of a sidecar: is something else listening there?"
        return ServerError(message, UNEXPECTED_ANSWER, {"status": status}, retryable=status >= 502)
    return error_of_problem(problem, status, retry_after)


def error_of_problem(problem: Problem, status: int | None = None, retry_after: str | None = None) -> PromptOpsError:
    """Return the error that a problem stands for; `status`: the one that it came with."""
    by_status = _BY_STATUS.get(status or problem.status, ServerError)
    kind = PromptNotFoundError if problem.code in _NOT_FOUND else by_status
    return kind(problem.detail, problem.code, _details(problem, retry_after), retryable=problem.retryable)


def unexpected_answer() -> ServerError:
    """Return the error for an answer that calls itself a success and cannot be read."""
    return ServerError("the answer cannot be read: is something else listening there?", UNEXPECTED_ANSWER)


def _details(problem: Problem, retry_after: str | None) -> dict[str, Any]:
    details: dict[str, Any] = {"status": problem.status}
    if problem.errors:
        details["validation_errors"] = problem.errors
    if problem.suggested_prompts:
        details["suggested_prompts"] = problem.suggested_prompts
    if retry_after is not None and retry_after.isdecimal():
        details["retry_after"] = float(retry_after)
    return details
