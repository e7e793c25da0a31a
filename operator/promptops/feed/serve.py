"""The feed as an ASGI application: streams, blobs and reports, each for the scope that the caller's token names."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from promptops.api import reasons
from promptops.api.feed import HELD_HEADER, Blob, BlobsAnswer, BlobsRequest, Header, Hello, Report
from promptops.api.wire import Unreadable, read
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.cache.verifier import Verifier, from_token
from promptops.cache.view import View
from promptops.feed.authentication import Authenticate, Caller, NotAdmitted, Unauthenticated
from promptops.feed.stream import Stream, Streams, is_ahead
from promptops.web.bodies import read_body
from promptops.web.problems import HttpRefusal, problem, problem_response

MAX_REPORT_BYTES: Final = 2 * 1024 * 1024
MAX_BLOBS_REQUEST_BYTES: Final = 64 * 1024
MAX_BLOBS_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""An answer that would be larger leaves the rest out; the follower asks again for what it still lacks."""
BODY_SECONDS: Final = 10.0
MAX_HELD_CHARACTERS: Final = 8192
MAX_INSTANCE_CHARACTERS: Final = 256

Stores = Callable[[str], Store | None]
"""Scope → what is served to it; None while nothing can be said yet."""
ReportSink = Callable[[Caller, Report], None]
HigherPosition = Callable[[Header], None]
"""Told of a validly signed header that is ahead of what is served here, or a fork of it."""

_Body = TypeVar("_Body", BlobsRequest, Report)


def feed_routes(
    stores: Stores,
    authenticate: Authenticate,
    reports: ReportSink,
    on_higher_position: HigherPosition,
    *,
    verifier: Verifier,
    stream_seconds: float = 600.0,
) -> Starlette:
    """Return the application. Before its server stops, call `app.state.streams.close(reason)`.

    A stream ends after `stream_seconds`, shortened by up to a fifth at random: the follower comes back with a fresh
    token, so one that was revoked, or a namespace that is no longer admitted, follows for no longer than that.
    """
    feed = _Feed(stores, authenticate, reports, on_higher_position, verifier, stream_seconds)
    app = Starlette(
        routes=[
            Route("/v1/stream", feed.stream, methods=["GET"]),
            Route("/v1/blobs/{digest}", feed.blob, methods=["GET"]),
            Route("/v1/blobs", feed.blobs, methods=["POST"]),
            Route("/v1/reports", feed.report, methods=["POST"]),
        ],
        exception_handlers={HttpRefusal: _refused, HTTPException: _http_exception},
    )
    app.state.streams = feed.streams
    return app


class _Feed:
    def __init__(
        self,
        stores: Stores,
        authenticate: Authenticate,
        reports: ReportSink,
        on_higher_position: HigherPosition,
        verifier: Verifier,
        stream_seconds: float,
    ) -> None:
        self.streams = Streams()
        self._stores = stores
        self._authenticate = authenticate
        self._reports = reports
        self._on_higher_position = on_higher_position
        self._verifier = verifier
        self._stream_seconds = stream_seconds

    async def stream(self, request: Request) -> Response:
        caller = await self._caller(request)
        if self.streams.closed:
            raise _wrong(503, reasons.NOT_READY, "this server is going away; retry")
        store, view = self._served(caller)
        held = self._held(request, caller)
        if held is not None and is_ahead(held, view):
            self._on_higher_position(held)
        hello = Hello(caller.scope, caller.tenant, caller.namespace)
        seconds = self._stream_seconds * random.uniform(0.8, 1.0)  # noqa: S311 - only spreads the reconnects
        return Stream(self.streams, store, hello, held, seconds)  # type: ignore[return-value]

    async def blob(self, request: Request) -> Response:
        _, view = self._served(await self._caller(request))
        content = view.blobs.get(request.path_params["digest"])
        if content is None:
            raise _wrong(404, reasons.BLOB_NOT_FOUND, "your index names no such blob")
        headers = {"Cache-Control": "private, immutable, max-age=31536000"}
        return Response(content, media_type="application/json", headers=headers)

    async def blobs(self, request: Request) -> Response:
        _, view = self._served(await self._caller(request))
        asked = _decoded(await read_body(request, MAX_BLOBS_REQUEST_BYTES, BODY_SECONDS), BlobsRequest).digests
        found: dict[str, Blob] = {}
        size = 0
        for digest in asked:
            content = view.blobs.get(digest)
            if content is None or digest in found:
                continue
            size += len(content)
            if found and size > MAX_BLOBS_ANSWER_BYTES:
                break
            found[digest] = Blob(digest, content.decode())
        answer = msgspec.json.encode(BlobsAnswer(tuple(found.values())))
        return Response(answer, media_type="application/json")

    async def report(self, request: Request) -> Response:
        caller = await self._caller(request)
        report = _decoded(await read_body(request, MAX_REPORT_BYTES, BODY_SECONDS), Report)
        if not 0 < len(report.instance) <= MAX_INSTANCE_CHARACTERS:
            raise _wrong(400, reasons.INVALID_REQUEST, "an instance has a name of 1 to 256 characters")
        self._reports(caller, report)
        return Response(status_code=204)

    async def _caller(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _not_admitted(
                Unauthenticated("show a ServiceAccount token for the audience promptops.io/feed as a bearer token")
            )
        try:
            return await self._authenticate(token.strip())
        except NotAdmitted as refusal:
            raise _not_admitted(refusal) from None

    def _served(self, caller: Caller) -> tuple[Store, View]:
        store = self._stores(caller.scope)
        if store is None or store.current is None or store.current.signed is None:
            raise _wrong(503, reasons.NOT_READY, "nothing is published for this namespace yet; retry")
        return store, store.current

    def _held(self, request: Request, caller: Caller) -> Header | None:
        """What the follower holds, when it can prove it. Anything else counts as nothing: it gets the whole index."""
        token = request.headers.get(HELD_HEADER, "")
        if not token or len(token) > MAX_HELD_CHARACTERS:
            return None
        try:
            header = self._verifier.verify(from_token(token))
        except Refused:
            return None
        return header if header.scope == caller.scope else None


def _decoded(body: bytes, kind: type[_Body]) -> _Body:
    try:
        return read(body, kind)
    except Unreadable as error:
        raise _wrong(400, reasons.INVALID_REQUEST, f"not a {kind.__name__}: the body {error}") from None


def _not_admitted(refusal: NotAdmitted) -> HttpRefusal:
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
    return _wrong(refusal.status, refusal.code, refusal.detail, headers)


def _wrong(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> HttpRefusal:
    return HttpRefusal(problem(status, code, detail, retryable=status >= 500), headers)


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HttpRefusal)  # noqa: S101 - Starlette's signature says less than its behaviour
    return problem_response(refusal.problem, refusal.headers)


async def _http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return problem_response(
        problem(error.status_code, reasons.INVALID_REQUEST, error.detail), dict(error.headers or {})
    )
