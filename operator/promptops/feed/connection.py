"""HTTP to the hop above: a token read anew for every request, bounds on every answer, one error for all that can fail."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
import msgspec

from promptops.api import reasons
from promptops.api.feed import (
    EVERY_SCOPE_QUERY,
    Blob,
    BlobsAnswer,
    BlobsRequest,
    RelayedBatch,
    ReportBatch,
    ReportsAnswer,
)
from promptops.api.http import Problem
from promptops.api.wire import Unreadable, read
from promptops.cache.bounded import Bounded
from promptops.feed.hop import Disconnected

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
ANSWER_SECONDS = 10.0
"""For the whole of an answer, or the head of a stream and what refuses it: a byte now and then is no progress."""
TOKEN_SECONDS = 3.0
STREAM_READ_SECONDS = 15.0
"""Longer than a heartbeat may be missed, which the follower itself looks after."""
IDLE_SECONDS = 30.0
MAX_BLOBS_ANSWER_BYTES = 64 * 1024 * 1024
MAX_PROBLEM_BYTES = 64 * 1024
DIGESTS_PER_REQUEST = 200

Token = Callable[[], str]
"""Reads the token; it is renewed under our feet."""
_Answered = TypeVar("_Answered")


class Upstream:
    """The hop above, as far as HTTP goes."""

    def __init__(
        self,
        url: str,
        token: Token,
        trust: ssl.SSLContext | None = None,
        *,
        wide: bool = False,
        server_name: str | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """`trust`: whom to believe to be the hop above, of an https URL; None: whom the machine believes.

        `wide`: ask for every scope. `server_name`: whom the certificate has to be for; None: for the URL's host.
        `answer_seconds`: by when an answer has to be complete, and a stream to have begun.
        """
        self._answer_seconds = answer_seconds
        self._query = f"?{EVERY_SCOPE_QUERY}" if wide else ""
        self._extensions = {"sni_hostname": server_name} if server_name else {}
        self._url = url
        self._token = Bounded(token, TOKEN_SECONDS)
        self._trust = trust
        self._opened: httpx.AsyncClient | None = None
        self._retired: list[httpx.AsyncClient] = []
        """Opened when something else was believed."""

    def move(self, url: str) -> bool:
        """Call this hop from now on; tell whether it is another one."""
        if url == self._url:
            return False
        self._url = url
        self._retire()
        return True

    def renew(self, trust: ssl.SSLContext) -> None:
        """Believe this of whoever is called from now on; an open stream lasts until it ends."""
        self._trust = trust
        self._retire()

    def _retire(self) -> None:
        if self._opened is not None:
            self._retired.append(self._opened)
            self._opened = None

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url,
            verify=self._trust if self._trust is not None else True,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=IDLE_SECONDS),
            # No proxy from the environment is ever shown the token.
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close every connection. The next call opens new ones."""
        self._retire()
        await self._close_retired()

    async def _close_retired(self) -> None:
        while self._retired:
            await self._retired.pop().aclose()

    @asynccontextmanager
    async def stream(self, headers: dict[str, str], asking: Callable[[], None]) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the stream and yield its bytes as they come; `asking` is called just before. Raises Disconnected."""
        with _disconnections():
            timeout = httpx.Timeout(STREAM_READ_SECONDS, connect=CONNECT_SECONDS)
            headers = headers | await self._headers()
            client = self._client
            request = client.build_request(
                "GET", f"/v1/stream{self._query}", headers=headers, timeout=timeout, extensions=self._extensions
            )
            asking()
            deadline = self._deadline()
            response = await _by(deadline, client.send(request, stream=True))
            try:
                await _by(deadline, _check(response))
                yield response.aiter_raw()
            finally:
                await response.aclose()
                await self._close_retired()

    async def blobs(self, digests: list[str]) -> tuple[Blob, ...]:
        """Fetch some of these blobs; those that are left out may be asked for again. Raises Disconnected."""
        body = msgspec.json.encode(BlobsRequest(tuple(digests[:DIGESTS_PER_REQUEST])))
        answer = await self._post("/v1/blobs", body, MAX_BLOBS_ANSWER_BYTES)
        try:
            return read(answer, BlobsAnswer).blobs
        except Unreadable:
            raise Disconnected(reasons.MALFORMED, "the answer is not blobs") from None

    async def report(self, reports: ReportBatch) -> ReportsAnswer:
        """Send reports; return which were taken. Raises Disconnected."""
        answer = await self._post("/v1/reports", msgspec.json.encode(reports), MAX_PROBLEM_BYTES)
        try:
            return read(answer, ReportsAnswer)
        except Unreadable:
            raise Disconnected(reasons.MALFORMED, "the answer is not what was taken") from None

    async def relay(self, batch: RelayedBatch) -> None:
        """Pass on what others reported. Raises Disconnected."""
        await self._post("/v1/reports", msgspec.json.encode(batch), MAX_PROBLEM_BYTES)

    async def _post(self, path: str, body: bytes, limit: int) -> bytes:
        with _disconnections():
            headers = {"Content-Type": "application/json"} | await self._headers()
            request = self._client.build_request(
                "POST", f"{path}{self._query}", content=body, headers=headers, extensions=self._extensions
            )
            return await _by(self._deadline(), _answer(self._client, request, limit))

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._answer_seconds

    async def _headers(self) -> dict[str, str]:
        try:
            token = (await self._token()).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Disconnected(reasons.UNAUTHENTICATED, f"the token cannot be read: {error}") from None
        if not (token and token.isascii() and token.isprintable()):
            raise Disconnected(reasons.UNAUTHENTICATED, "the token is empty or not a token")
        # Compressed bytes would be other bytes than those that were signed for.
        return {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}


class _disconnections:  # noqa: N801 - reads as a statement
    """Turns what HTTP can fail with into Disconnected."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, httpx.TimeoutException):
            raise Disconnected(reasons.UNREACHABLE, f"timeout ({type(error).__name__})") from None
        if isinstance(error, (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)):
            raise Disconnected(reasons.UNREACHABLE, str(error) or type(error).__name__) from None


async def _by(deadline: float, answering: Awaitable[_Answered]) -> _Answered:
    """Wait for what comes until then; httpx itself bounds each read, not how many there are. Raises Disconnected."""
    try:
        async with asyncio.timeout_at(deadline):
            return await answering
    except TimeoutError:
        raise Disconnected(reasons.UNREACHABLE, "timeout (the answer does not end)") from None


async def _answer(client: httpx.AsyncClient, request: httpx.Request, limit: int) -> bytes:
    response = await client.send(request, stream=True)
    try:
        await _check(response)
        return await _read(response, limit)
    finally:
        await response.aclose()


async def _check(response: httpx.Response) -> None:
    """Raise Disconnected with the problem's code unless the answer is a success, as sent."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Disconnected(reasons.MALFORMED, "a compressed answer")
    if response.is_success:
        return
    body = await _read(response, MAX_PROBLEM_BYTES)
    try:
        problem = read(body, Problem)
    except Unreadable:
        raise Disconnected(reasons.UNREACHABLE, f"status {response.status_code}", response.status_code) from None
    detail = f"status {response.status_code}: {problem.detail[:300]}"
    raise Disconnected(_known(problem.code), detail, response.status_code)


def _known(code: str) -> str:
    """Only known codes: the reason becomes a metric label."""
    return code if code in _CODES else reasons.UNREACHABLE


_CODES = frozenset(
    {
        reasons.UNAUTHENTICATED,
        reasons.AUTHENTICATION_UNAVAILABLE,
        reasons.TENANT_UNKNOWN,
        reasons.NOT_A_RELAY,
        reasons.NOT_READY,
        reasons.INVALID_REQUEST,
        reasons.REQUEST_TOO_LARGE,
        reasons.BLOB_NOT_FOUND,
    }
)


async def _read(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise Disconnected(reasons.MALFORMED, f"an answer of more than {limit} bytes")
    return bytes(body)
