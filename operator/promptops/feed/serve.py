"""The feed over HTTP: streams, blobs and reports, each for the scope that the caller's token names."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sized
from typing import Final, TypeVar

import msgspec

from promptops.api import reasons
from promptops.api.feed import (
    EVERY_SCOPE_QUERY,
    HELD_HEADER,
    Acknowledged,
    BlobsRequest,
    Header,
    Hello,
    RelayedBatch,
    Report,
    ReportBatch,
    ReportsAnswer,
    Signed,
)
from promptops.api.wire import Unreadable, read
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.cache.verifier import Verifier, from_token
from promptops.cache.view import View
from promptops.feed import frames
from promptops.feed.admittance import caller_of, not_admitted, refusal
from promptops.feed.authentication import (
    Authenticate,
    Caller,
    NotEntitled,
    TooMany,
    spoken_for,
)
from promptops.feed.blobs import many_of, one_of
from promptops.feed.stream import Stream, Streams, is_ahead
from promptops.feed.wide import Scopes, Stores, WideStream
from promptops.web.answers import SAFE, Answer, Lasting, TakenRequest
from promptops.web.budgets import Allowances
from promptops.web.problems import HttpRefusal, no_such_route, refuse_query, wrong_method
from promptops.web.requests import Head

MAX_REPORT_BYTES: Final = 256 * 1024
"""An instance's report is at most about 100 KiB; whoever passes on more of them sends them in turns."""
MAX_REPORTS: Final = 1000
MAX_RELAYED_BYTES: Final = 1024 * 1024
STREAMS_OF_A_POD, STREAMS_OF_AN_ACCOUNT = 8, 100
REQUESTS_OF_A_POD, REQUESTS_OF_AN_ACCOUNT = (50, 5.0), (1000, 200.0)
"""Calls at once, and then a second, of one identity: a pod, or whoever shares a token that is bound to none."""
BYTES_OF_ONE: Final = (4 * 1024 * 1024, 512 * 1024.0)
RETRY_SECONDS: Final = 5
MAX_BLOBS_REQUEST_BYTES: Final = 64 * 1024
MAX_HELD_CHARACTERS: Final = 8192

ReportSink = Callable[[Caller, Report, float], int]
"""Takes a report that was heard so many seconds ago; returns its number, or 0 when everything has to be sent again."""
Refusals = Callable[[str], None]
"""Told why a caller was refused that wants more than it may have: Streams, Requests, Bytes."""
HigherPosition = Callable[[Header, Signed], None]
"""Told of a header that is ahead of what is served here, or a fork of it, and of the signature that proves it."""

_ForCaller = Callable[[Head, Caller], TakenRequest]
_JSON: Final = "application/json"
_NO_STORE: Final = (("cache-control", "no-store"), *SAFE)
_Body = TypeVar("_Body", BlobsRequest, ReportBatch, RelayedBatch)


class FeedApp:
    """What is served to followers. Before its server stops, call `streams.close(reason)`.

    A stream ends after `stream_seconds`, shortened by up to a fifth at random: the follower comes back with a fresh
    token, so one that was revoked, or a namespace that is no longer admitted, follows for no longer than that.
    """

    def __init__(
        self,
        stores: Stores,
        authenticate: Authenticate,
        reports: ReportSink,
        on_higher_position: HigherPosition,
        *,
        verifier: Verifier,
        stream_seconds: float = 600.0,
        refusals: Refusals = lambda _: None,
        scopes: Scopes = tuple,
    ) -> None:
        """`scopes`: what a relay is sent."""
        self._scopes = scopes
        self._wide_calls = {
            "/v1/stream": self._wide_stream,
            "/v1/blobs": self._wide_blobs,
            "/v1/reports": self._wide_report,
        }
        self.streams = Streams()
        self._refusals = refusals
        self._requests = {True: Allowances(*REQUESTS_OF_A_POD), False: Allowances(*REQUESTS_OF_AN_ACCOUNT)}
        self._bytes = Allowances(*BYTES_OF_ONE)
        self._stores = stores
        self._authenticate = authenticate
        self._reports = reports
        self._on_higher_position = on_higher_position
        self._verifier = verifier
        self._stream_seconds = stream_seconds

    def __call__(self, head: Head) -> Awaitable[TakenRequest]:
        """Say who answers a request: what needs no token is refused before anybody is asked about one."""
        calls = self._calls_of(head)
        call = calls.get(head.method)
        if call is None:
            raise wrong_method(tuple(calls))
        if head.query == EVERY_SCOPE_QUERY and head.path in self._wide_calls:
            return self._admitted(head, call, wide=True)
        refuse_query(head.query)
        return self._admitted(head, call)

    def _calls_of(self, head: Head) -> dict[str, _ForCaller]:
        match head.path:
            case "/v1/stream":
                return {"GET": self._stream}
            case "/v1/blobs":
                return {"POST": self._blobs}
            case "/v1/reports":
                return {"POST": self._report}
        digest = head.path.removeprefix("/v1/blobs/")
        if digest in ("", head.path) or "/" in digest:
            raise no_such_route(head.path)
        return {"GET": self._blob, "HEAD": self._blob}

    async def _admitted(self, head: Head, call: _ForCaller, *, wide: bool = False) -> TakenRequest:
        caller = await caller_of(head, self._authenticate)
        now = time.monotonic()
        if wide and not caller.relays:
            raise not_admitted(NotEntitled(reasons.NOT_A_RELAY, "this account may follow the scope of its token alone"))
        if not self._requests[caller.pod_uid is not None and not wide].of(caller.identity).take(now):
            raise self._too_much("Requests", "too many requests; retry")
        if not wide and not self._bytes.of(caller.identity).take(now, head.length or 0):
            raise self._too_much("Bytes", "too much was sent; retry")
        return self._wide_calls[head.path](caller) if wide else call(head, caller)

    def _too_much(self, reason: str, detail: str) -> HttpRefusal:
        self._refusals(reason)
        return not_admitted(TooMany(detail, RETRY_SECONDS))

    def _check_streams(self, caller: Caller) -> int:
        """Return how many streams the caller may have: others may begin before this one does. Raises HttpRefusal."""
        if self.streams.closed:
            raise refusal(503, reasons.NOT_READY, "this server is going away; retry")
        most = STREAMS_OF_AN_ACCOUNT if caller.pod_uid is None else STREAMS_OF_A_POD
        if not self.streams.has_room(caller.identity, most):
            raise self._too_much("Streams", f"there are {most} streams of this identity already; retry")
        return most

    def _wide_stream(self, caller: Caller) -> TakenRequest:
        most = self._check_streams(caller)
        stream = WideStream(self.streams, caller.identity, self._stores, self._scopes, self._seconds(), most)
        lasting = Lasting(frames.CONTENT_TYPE, stream.write, _NO_STORE)
        return TakenRequest(lambda _: lasting)

    def _wide_blobs(self, _: Caller) -> TakenRequest:
        stores = [store for store in map(self._stores, self._scopes()) if store is not None]
        views = [store.current for store in stores if store.current is not None]

        def find(body: bytes) -> Answer:
            digests = _decoded(body, BlobsRequest).digests
            found = {digest: view.blobs[digest] for digest in digests for view in views if digest in view.blobs}
            return many_of(found, digests)

        return TakenRequest(find, MAX_BLOBS_REQUEST_BYTES)

    def _wide_report(self, _: Caller) -> TakenRequest:
        def record(body: bytes) -> Answer:
            batch = _decoded(body, RelayedBatch)
            _check_count(batch.reports)
            for proof in batch.proofs:
                self._proven(proof)
            taken = tuple(
                Acknowledged(each.report.instance, self._reports(spoken_for(each), each.report, each.age_ms / 1000))
                for each in batch.reports
            )
            return Answer(200, msgspec.json.encode(ReportsAnswer(taken)), _JSON, _NO_STORE)

        return TakenRequest(record, MAX_RELAYED_BYTES)

    def _proven(self, proof: Signed) -> None:
        """A relay says that a scope was published further than here; only what is signed counts."""
        try:
            header = self._verifier.verify(proof)
        except Refused:
            return
        store = self._stores(header.scope)
        if store is not None and store.current is not None and is_ahead(header, store.current):
            self._on_higher_position(header, proof)

    def _seconds(self) -> float:
        return self._stream_seconds * random.uniform(0.8, 1.0)  # noqa: S311 - only spreads the reconnects

    def _stream(self, head: Head, caller: Caller) -> TakenRequest:
        most = self._check_streams(caller)
        store, view = self._served(caller)
        shown = self._held(head, caller)
        held, signed = shown if shown is not None else (None, None)
        if held is not None and signed is not None and is_ahead(held, view):
            self._on_higher_position(held, signed)
        hello = Hello(caller.scope, caller.tenant, caller.namespace)
        stream = Stream(self.streams, caller.identity, store, hello, held, self._seconds(), most)
        lasting = Lasting(frames.CONTENT_TYPE, stream.write, _NO_STORE)
        return TakenRequest(lambda _: lasting)

    def _blob(self, head: Head, caller: Caller) -> TakenRequest:
        answer = one_of(self._served(caller)[1].blobs, head)
        return TakenRequest(lambda _: answer)

    def _blobs(self, _: Head, caller: Caller) -> TakenRequest:
        blobs = self._served(caller)[1].blobs
        return TakenRequest(lambda body: many_of(blobs, _decoded(body, BlobsRequest).digests), MAX_BLOBS_REQUEST_BYTES)

    def _report(self, _: Head, caller: Caller) -> TakenRequest:
        def record(body: bytes) -> Answer:
            reports = _decoded(body, ReportBatch).reports
            _check_count(reports)
            taken = tuple(Acknowledged(report.instance, self._reports(caller, report, 0.0)) for report in reports)
            return Answer(200, msgspec.json.encode(ReportsAnswer(taken)), _JSON, _NO_STORE)

        return TakenRequest(record, MAX_REPORT_BYTES)

    def _served(self, caller: Caller) -> tuple[Store, View]:
        store = self._stores(caller.scope)
        if store is None or store.current is None or store.current.signed is None:
            raise refusal(503, reasons.NOT_READY, "nothing is published for this namespace yet; retry")
        return store, store.current

    def _held(self, head: Head, caller: Caller) -> tuple[Header, Signed] | None:
        """What the follower holds, when it can prove it. Anything else counts as nothing: it gets the whole index."""
        token = head.header(HELD_HEADER.lower().encode())
        if not token or len(token) > MAX_HELD_CHARACTERS:
            return None
        try:
            signed = from_token(token)
            header = self._verifier.verify(signed)
        except Refused:
            return None
        return (header, signed) if header.scope == caller.scope else None


def _check_count(reports: Sized) -> None:
    if len(reports) > MAX_REPORTS:
        raise refusal(400, reasons.INVALID_REQUEST, f"{len(reports)} reports; at most {MAX_REPORTS} are taken at once")


def _decoded(body: bytes, kind: type[_Body]) -> _Body:
    try:
        return read(body, kind)
    except Unreadable as error:
        raise refusal(400, reasons.INVALID_REQUEST, f"not a {kind.__name__}: the body {error}") from None
