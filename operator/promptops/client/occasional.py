"""Every call but the hot one, by httpx: a client for each, so that nothing is kept over a fork, a thread or a loop.

httpx is loaded with the first of these calls: an application that only renders never pays for it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from promptops.client.codec import Call
from promptops.client.errors import ConfigurationError, NetworkError, PromptOpsError, TimeoutError
from promptops.client.exchange import Response
from promptops.client.place import Place
from promptops.settings.client import AuthoritySettings

if TYPE_CHECKING:
    import httpx


class Occasional:
    """Asks a place now and then."""

    def __init__(self, place: Place, token: Callable[[], str | None] = lambda: None) -> None:
        """Raises ConfigurationError when the certificates for an https address cannot be read."""
        self.place = place
        self._token = token
        self._tls = _verifying() if place.tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def ask(self, call: Call[Any], seconds: float) -> Response:
        """Return the answer to a call, each step of which may take so long. Raises PromptOpsError."""
        import httpx

        transport = httpx.HTTPTransport(verify=self._tls, uds=self.place.socket, trust_env=False)
        try:
            with httpx.Client(transport=transport, **self._options(seconds)) as client:
                return _read(client.request(call.method, self.place.url + call.path, content=call.body))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._error_of(error) from error

    async def ask_async(self, call: Call[Any], seconds: float) -> Response:
        """Return the answer to a call, each step of which may take so long. Raises PromptOpsError."""
        import httpx

        transport = httpx.AsyncHTTPTransport(verify=self._tls, uds=self.place.socket, trust_env=False)
        try:
            async with httpx.AsyncClient(transport=transport, **self._options(seconds)) as client:
                return _read(await client.request(call.method, self.place.url + call.path, content=call.body))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._error_of(error) from error

    def _options(self, seconds: float) -> dict[str, Any]:
        # The sidecar is next door: no proxy of the environment may come in between.
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        if (token := self._token()) is not None:
            headers["Authorization"] = f"Bearer {token}"
        return {"timeout": seconds, "trust_env": False, "follow_redirects": False, "headers": headers}

    def _error_of(self, error: httpx.HTTPError | httpx.InvalidURL) -> PromptOpsError:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return TimeoutError(f"the sidecar at {self.place.name} did not answer in time")
        if isinstance(error, httpx.ConnectError) and (cause := _system_error(error)):
            return self.place.unreachable(cause)
        return NetworkError(f"the sidecar at {self.place.name} cannot be reached: {type(error).__name__}")


def _read(response: httpx.Response) -> Response:
    return Response(response.status_code, response.content, response.headers.get("retry-after"))


def _system_error(error: BaseException) -> OSError | None:
    """Return what the system said, which stands at the end of the chain of causes."""
    found: OSError | None = None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            found = cause
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    return found


def _verifying() -> ssl.SSLContext:
    """Return what https is verified with. Raises ConfigurationError."""
    import httpx

    authorities = AuthoritySettings.from_environment()
    if authorities == AuthoritySettings(None, None):
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=authorities.file, capath=authorities.directory)
    except OSError as error:
        named = ("SSL_CERT_FILE", authorities.file) if authorities.file else ("SSL_CERT_DIR", authorities.directory)
        raise ConfigurationError(f"{named[0]} is {str(named[1])!r}, which cannot be read: {error.strerror}") from None
