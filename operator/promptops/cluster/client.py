"""One call to the API server: plain JSON in, plain JSON out, errors of ours. Tells when the API goes away and returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException

from promptops.api.wire import Unreadable, read
from promptops.cluster.connection import Connection
from promptops.cluster.errors import ApiUnavailable, ClusterError, from_answer

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
"""Content type of a server-side apply; JSON is YAML."""
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Accept this to be sent names, uids and versions without the objects."""
METADATA_OF_ONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""The same of a watch, whose events carry one object each."""
CALL_SECONDS = 10.0

Failed = Callable[[str, ClusterError], None]


class Client:
    """Calls the API server over a bounded pool."""

    def __init__(self, connection: Connection, failed: Failed = lambda operation, error: None) -> None:
        self.connection = connection
        self.reachable: bool | None = None
        """Whether the last call was answered; None before the first."""
        self.returned: Callable[[], None] = lambda: None
        """Called when a call is answered after one was not."""
        self._api = ApiClient(connection.configuration)
        self._api.user_agent = "promptops"
        self._failed = failed

    async def close(self) -> None:
        """Close the pool."""
        await self._api.close()

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        seconds: float = CALL_SECONDS,
        hoped_for: type[ClusterError] | None = None,
    ) -> Any:
        """Return the decoded answer. `operation` names the call in metrics and logs, where one that is `hoped_for` is no failure.

        Raises a ClusterError.
        """
        try:
            answer = await self._answer(method, path, query, body, content_type, accept, seconds)
        except ClusterError as error:
            self._note(not _is_absence(error))
            if hoped_for is None or not isinstance(error, hoped_for):
                self._failed(operation, error)
            raise
        self._note(True)
        return answer

    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        accept: str,
        seconds: float,
    ) -> Any:
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": self._api.user_agent}
        url = f"{self.connection.server}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            headers |= await self.connection.authorization()
            response = await self._api.call_api(
                method, url, headers, body, _request_timeout=aiohttp.ClientTimeout(total=seconds)
            )
            content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ApiException) as error:
            raise ApiUnavailable(_why(error, self.connection.server)) from error
        decoded = _decoded(content)
        if response.status >= 400:
            raise from_answer(response.status, decoded, response.getheader("Retry-After"))
        return decoded

    def _note(self, reachable: bool) -> None:
        was, self.reachable = self.reachable, reachable
        if reachable and was is False:
            self.returned()


def _is_absence(error: ClusterError) -> bool:
    """Tell an API server that is away from one that answers and says no, or not now."""
    return isinstance(error, ApiUnavailable) and (error.status is None or error.status >= 500)


def _decoded(content: bytes) -> Any:
    try:
        return read(content, dict[str, Any]) if content else None
    except Unreadable:
        return content.decode("utf-8", "replace")


def _why(error: Exception, server: str) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer from {server} in time"
    return f"{server} cannot be reached: {error or type(error).__name__}"
