"""
ClusterError
├── ApiUnavailable       no answer, or one that says try again; the same call may succeed later
├── Unauthorized         the API server does not know us (an expired token, a deleted ServiceAccount)
├── Forbidden            RBAC or a policy says no
├── NotFound             the object, or the kind, is not there
├── AlreadyExists        an object of that name is there already
├── Conflict             the object changed since it was read: read it again, decide again
├── Invalid              the API server refuses what we sent; sending it again is useless
└── ConnectionInvalid    the kubeconfig or the mounted ServiceAccount cannot be used
"""

from __future__ import annotations

from typing import Any


class ClusterError(Exception):
    """Root of everything the API server, or the way to it, can object to."""

    retryable: bool = False

    def __init__(
        self, message: str, status: int | None = None, retry_after: float | None = None, where: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.where = where
        """Fields that are refused, each with the reason's word."""

    @property
    def for_logs(self) -> str:
        """What happened, without the values that were sent."""
        return str(self)


class ApiUnavailable(ClusterError):
    """No answer, or one that says try again."""

    retryable = True


class Unauthorized(ClusterError):
    """The API server does not know us."""

    retryable = True


class Forbidden(ClusterError):
    """RBAC or a policy says no."""

    retryable = True


class NotFound(ClusterError):
    """The object, or the kind, is not there."""


class AlreadyExists(ClusterError):
    """An object of that name is there already."""


class Conflict(ClusterError):
    """The object changed since it was read."""

    retryable = True


class Invalid(ClusterError):
    """The API server refuses what we sent."""

    @property
    def for_logs(self) -> str:
        """Which fields are refused. The message would quote them."""
        return f"the API server refuses it: {', '.join(self.where) or self.status}"


class ConnectionInvalid(ClusterError):
    """The kubeconfig or the mounted ServiceAccount cannot be used."""


_NO_FIELD = "<nil>"
"""As the API server writes a path that leads nowhere."""

_BY_STATUS: dict[int, type[ClusterError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: ApiUnavailable,
    409: Conflict,
    410: ApiUnavailable,
    429: ApiUnavailable,
}


def from_answer(status: int, answer: Any, retry_after: str | None) -> ClusterError:
    """Turn the API server's error answer (a Status object, when it is one) into one of ours."""
    said: dict[str, Any] = answer if isinstance(answer, dict) else {}
    message = str(said.get("message") or f"the API server answered {status}")
    error = AlreadyExists if said.get("reason") == "AlreadyExists" else _BY_STATUS.get(status, Invalid)
    if status >= 500:
        error = ApiUnavailable
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return error(message, status, seconds, _refused_fields(said))


def _refused_fields(said: dict[str, Any]) -> tuple[str, ...]:
    """A cause without a field says that further rules were not looked at, or is of the whole object."""
    causes = [
        (cause.get("field"), cause.get("reason", "?")) for cause in (said.get("details") or {}).get("causes") or ()
    ]
    named = tuple(f"{field} ({reason})" for field, reason in causes if field and field != _NO_FIELD)
    return named or tuple(f"the whole object ({reason})" for _, reason in causes)
