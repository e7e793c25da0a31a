"""How the API server is reached: a kubeconfig or the pod's own ServiceAccount. Credentials are read again every minute."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from promptops.cluster.errors import ConnectionInvalid
from promptops.settings.proxies import Proxies

POOL_SIZE = 32
"""Most connections that our own calls hold at a time."""
_REREAD_SECONDS = 60.0
_WATCH_LINE_BYTES = 2**21

Observe = Callable[[aiohttp.ClientRequest, "aiohttp.ClientResponse | Exception"], None]
Accepted = Callable[[aiohttp.ClientRequest], "str | None"]


class Connection:
    """Where the API server is and how we prove who we are."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration

    @classmethod
    async def open(cls, kubeconfig: Path | None, context: str | None = None) -> Connection:
        """Read the kubeconfig, or without one the pod's ServiceAccount. `context`: another one than its current.

        Raises ConnectionInvalid saying which file is missing or wrong.
        """
        configuration = Configuration(connection_pool_maxsize=POOL_SIZE)
        if kubeconfig is None:
            _load_service_account(configuration)
        else:
            await _load_kubeconfig(configuration, kubeconfig, context)
            configuration.refresh_api_key_hook = _Reread(kubeconfig, context)  # type: ignore[assignment]
        configuration.proxy = configuration.proxy or Proxies.from_environment().leading_to(configuration.host)
        # Left to itself the HTTP client looks for a proxy at every call, in a thread of its own.
        configuration.client_session_kwargs = {"trust_env": False}
        return cls(configuration)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self.configuration.host)

    async def authorization(self) -> dict[str, str]:
        """Return the header that says who we are; none when a client certificate does."""
        settings = await self.configuration.auth_settings()
        token = settings.get("BearerToken")
        return {"Authorization": str(token["value"])} if token and token.get("value") else {}

    def session(self, observe: Observe, accepted: Accepted = lambda request: None) -> aiohttp.ClientSession:
        """Open an HTTP session for a framework that brings its own client. `observe` is told every request's end.

        `accepted`: which form of answer a request asks for, where that is another than the framework's. Call it in the event
        loop that uses the session.
        """

        async def observed(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            request.headers.update(await self.authorization())
            if (form := accepted(request)) is not None:
                request.headers["Accept"] = form
            if self.configuration.tls_server_name:
                request.server_hostname = self.configuration.tls_server_name
            if session.closed:
                # As aiohttp says it without a middleware; kopf knows the words and logs in anew.
                raise RuntimeError("Session is closed")
            try:
                response = await handler(request)
            except (aiohttp.ClientError, TimeoutError) as error:
                observe(request, error)
                raise
            observe(request, response)
            return response

        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=RESTClientObject(self.configuration).ssl_context),
            proxy=self.configuration.proxy,
            read_bufsize=_WATCH_LINE_BYTES,
            middlewares=(observed,),
            response_class=_Response,
        )
        return session


class _Response(aiohttp.ClientResponse):
    """An answer of the API server. An empty collection that is asked for by metadata has null for items; kopf expects a list."""

    async def json(self, **how: Any) -> Any:
        """Return what the answer says."""
        said = await super().json(**how)
        if isinstance(said, dict) and "items" in said and said["items"] is None:
            said["items"] = []
        return said


class _Reread:
    """Reads a kubeconfig again once a minute: tokens in files and from plugins expire."""

    def __init__(self, kubeconfig: Path, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._read_at = time.monotonic()

    def __call__(self, configuration: Configuration) -> Awaitable[None] | None:
        if time.monotonic() - self._read_at < _REREAD_SECONDS:
            return None
        self._read_at = time.monotonic()
        return _load_kubeconfig(configuration, self._kubeconfig, self._context)


async def _load_kubeconfig(configuration: Configuration, kubeconfig: Path, context: str | None) -> None:
    try:
        await load_kube_config(
            str(kubeconfig), context=context, client_configuration=configuration, persist_config=False
        )
    except (ConfigException, OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConnectionInvalid(f"the kubeconfig {kubeconfig} cannot be used: {error}") from error


def _load_service_account(configuration: Configuration) -> None:
    try:
        load_incluster_config(configuration)
    except (ConfigException, OSError) as error:
        raise ConnectionInvalid(
            f"this is not a pod with a mounted ServiceAccount ({error}); set KUBECONFIG to use a kubeconfig"
        ) from error
