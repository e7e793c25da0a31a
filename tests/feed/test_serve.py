"""What the server answers, over a real socket: to whom, how much, and with which words when not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import EVERY_SCOPE_QUERY, HELD_HEADER, BlobsRequest, Nack, Position, Report, ReportBatch, Signed
from promptops.cache import verifier
from promptops.feed import blobs, channel, serve, stream
from promptops.feed.authentication import AuthenticationUnavailable, Caller, NotEntitled
from promptops.feed.frames import Frame, FrameReader
from promptops.web import problems
from promptops.web.problems import UNSUPPORTED_ENCODING
from tests.cache.scribe import SCOPE, Scribe, content, entry, reference
from tests.support.hop import OTHER_SCOPE, Hop, hop
from tests.support.plain import NO_TLS
from tests.support.waiting import SECONDS, until

DEEP_WITHIN = b'{"unknown":' + b"[" * 100_000


@pytest.fixture
async def http(running: Hop) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token of the first scope."""
    async with client(running) as made:
        yield made


def client(running: Hop, token: str = "token-a") -> httpx.AsyncClient:  # noqa: S107
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=running.url, headers=headers, verify=NO_TLS, trust_env=False)


class Stream:
    """The events of one open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._chunks = response.aiter_raw()
        self._reader = FrameReader()
        self._frames: list[Frame] = []

    async def next(self) -> tuple[str, Any]:
        """The next event: kind and message."""
        while not self._frames:
            async with asyncio.timeout(SECONDS):
                self._frames.extend(self._reader.read(await anext(self._chunks)))
        frame = self._frames.pop(0)
        return frame.kind, json.loads(frame.data)

    async def ends(self) -> bool:
        """Whether the stream ends now."""
        async with asyncio.timeout(SECONDS):
            return await anext(self._chunks, None) is None


def held(running: Hop) -> str:
    store = running.origin.store(SCOPE)
    assert store is not None
    assert store.current is not None
    assert store.current.signed is not None
    return verifier.to_token(store.current.signed)


async def test_a_stream_begins_with_hello_and_the_whole_index(running: Hop, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)

        assert response.headers["content-type"] == "text/event-stream"
        kind, said = await events.next()
        assert 0 <= said.pop("age_ms") < 60_000
        assert said.pop("at_ms") > 0
        assert (kind, said) == ("hello", {"scope": SCOPE, "tenant": "team-a", "namespace": "team-a", "protocols": [1]})
        kind, index = await events.next()
        assert kind == "index"
        assert [each["name"] for each in index["entries"]] == ["greeting"]
        assert index["blobs"] == [{"digest": content("Hello").digest, "content": content("Hello").content}]


async def test_who_holds_the_entries_gets_the_header_alone(running: Hop, http: httpx.AsyncClient) -> None:
    before = held(running)
    running.renew(term=2)
    running.put(("greeting", "Hello"))
    running.origin.begin()

    async with http.stream("GET", "/v1/stream", headers={HELD_HEADER: before}) as response:
        events = Stream(response)
        await events.next()
        kind, index = await events.next()

    assert kind == "index"
    assert set(index) == {"signed"}
    assert running.higher == []


async def test_a_change_is_one_patch_from_the_position_before(running: Hop, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        running.put(("greeting", "Hi"), ("farewell", "Bye"))
        kind, patch = await events.next()

    assert kind == "patch"
    assert patch["base"] == {"epoch": 1, "term": 1, "seq": 1}
    assert [each["name"] for each in patch["upserts"]] == ["farewell", "greeting"]
    assert {blob["digest"] for blob in patch["blobs"]} == {content("Hi").digest, content("Bye").digest}


async def test_an_event_is_encoded_once_for_everyone(running: Hop, http: httpx.AsyncClient) -> None:
    streams = running.streams
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        shared = streams.channels[SCOPE]
        first, second = shared.subscribe(), shared.subscribe()
        running.put(("greeting", "Hi"))
        await events.next()

        assert first.take() is second.take()
        shared.unsubscribe(first)
        shared.unsubscribe(second)
        assert streams.subscribers == 1
    await until(lambda: streams.subscribers == 0)
    assert streams.channels == {}


async def test_a_rollback_sends_no_blob_that_is_held_already(running: Hop, http: httpx.AsyncClient) -> None:
    both = msgspec.structs.replace(entry("greeting", "Hello"), pins=(reference("Hi"),))
    running.origin.put(SCOPE, both, [content("Hello"), content("Hi")])
    await until(lambda: running.origin.position(SCOPE) == Position(1, 1, 2))

    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        running.origin.put(SCOPE, msgspec.structs.replace(both, stable=entry("x", "Hi").stable, revision=2))
        kind, patch = await events.next()

    assert kind == "patch"
    assert "blobs" not in patch


async def test_blobs_beyond_the_bound_are_not_sent_but_offered(running: Hop, http: httpx.AsyncClient) -> None:
    large, small = "x" * 40_000, "y" * 20_000
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        running.put(("a", large), ("b", small), ("c", small + "z"))
        _, patch = await events.next()

    assert [blob["digest"] for blob in patch["blobs"]] == [content(small).digest]
    fetched = await http.get(f"/v1/blobs/{content(large).digest}")
    assert fetched.content == content(large).content.encode()
    assert "immutable" in fetched.headers["cache-control"]


async def test_a_header_of_a_higher_position_is_shown_to_the_origin(running: Hop, http: httpx.AsyncClient) -> None:
    ahead = Scribe()
    ahead.signer = running.signer
    higher = ahead.index(99, entry("greeting", "Hello"))

    async with http.stream("GET", "/v1/stream", headers={HELD_HEADER: verifier.to_token(higher.signed)}) as response:
        events = Stream(response)
        await events.next()
        kind, index = await events.next()

    assert [header.position for header in running.higher] == [Position(1, 1, 99)]
    assert kind == "index"
    assert set(index) == {"signed"}


async def test_a_fork_counts_as_higher(running: Hop, http: httpx.AsyncClient) -> None:
    fork = Scribe()
    fork.signer = running.signer
    other = fork.index(1, entry("greeting", "Evil"))

    async with http.stream("GET", "/v1/stream", headers={HELD_HEADER: verifier.to_token(other.signed)}) as response:
        await Stream(response).next()

    assert len(running.higher) == 1


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("nonsense", id="no header"),
        pytest.param("a.b", id="no base64"),
        pytest.param("x" * 9000, id="too long"),
        pytest.param(verifier.to_token(Scribe().index(99).signed), id="signed by a stranger"),
        pytest.param(f"{verifier.to_base64url(DEEP_WITHIN[:5000])}.{verifier.to_base64url(b's' * 64)}", id="too deep"),
    ],
)
async def test_what_proves_nothing_counts_as_nothing(running: Hop, http: httpx.AsyncClient, shown: str) -> None:
    async with http.stream("GET", "/v1/stream", headers={HELD_HEADER: shown}) as response:
        events = Stream(response)
        await events.next()
        _, index = await events.next()

    assert running.higher == []
    assert "entries" in index


async def test_a_header_of_another_scope_proves_nothing(running: Hop, http: httpx.AsyncClient) -> None:
    other = Scribe(scope=OTHER_SCOPE)
    other.signer = running.signer

    shown = verifier.to_token(other.index(99).signed)
    async with http.stream("GET", "/v1/stream", headers={HELD_HEADER: shown}) as response:
        events = Stream(response)
        await events.next()
        _, index = await events.next()

    assert running.higher == []
    assert "entries" in index


async def test_absent_and_not_yours_are_the_same_answer(running: Hop, http: httpx.AsyncClient) -> None:
    running.put(("secret", "of team b"), scope=OTHER_SCOPE)
    await until(lambda: running.origin.position(OTHER_SCOPE) == Position(1, 1, 2))
    foreign, absent = content("of team b").digest, content("nobody's").digest

    answers = [await http.get(f"/v1/blobs/{digest}") for digest in (foreign, absent, "nonsense")]
    batch = await http.post("/v1/blobs", content=msgspec.json.encode(BlobsRequest((foreign, absent))))

    assert {(answer.status_code, answer.content, str(answer.headers.multi_items()[1:])) for answer in answers} == {
        (404, answers[0].content, str(answers[0].headers.multi_items()[1:]))
    }
    assert answers[0].json()["code"] == reasons.BLOB_NOT_FOUND
    assert batch.json() == {"blobs": []}
    async with client(running, "token-b") as owner:
        assert (await owner.get(f"/v1/blobs/{foreign}")).status_code == 200


async def test_a_batch_of_blobs_is_bounded_and_makes_progress(
    running: Hop, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "MAX_ANSWER_BYTES", 50_000)
    texts = {f"p{number}": f"{number}" * 20_000 for number in range(5)}
    running.put(*texts.items())
    await until(lambda: running.origin.position(SCOPE) == Position(1, 1, 2))
    missing = {content(text).digest for text in texts.values()}
    rounds = 0

    while missing:
        answer = await http.post("/v1/blobs", content=msgspec.json.encode(BlobsRequest(tuple(sorted(missing)))))
        got = {blob["digest"] for blob in answer.json()["blobs"]}
        assert got
        missing -= got
        rounds += 1

    assert rounds == 3


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        pytest.param("/v1/reports", b"{", {}, 400, reasons.INVALID_REQUEST, id="no JSON"),
        pytest.param("/v1/reports", b"\xff\xfe", {}, 400, reasons.INVALID_REQUEST, id="no UTF-8"),
        pytest.param("/v1/reports", b'{"reports":[{"instance":""}]}', {}, 400, reasons.INVALID_REQUEST, id="no name"),
        pytest.param("/v1/reports", b'{"reports":[{"instance":7}]}', {}, 400, reasons.INVALID_REQUEST, id="wrong type"),
        pytest.param("/v1/reports", b" " * (2**18 + 1), {}, 413, reasons.REQUEST_TOO_LARGE, id="too large"),
        pytest.param("/v1/blobs", b" " * 70_000, {}, 413, reasons.REQUEST_TOO_LARGE, id="too many digests"),
        pytest.param("/v1/reports", b"[" * 100_000, {}, 400, reasons.INVALID_REQUEST, id="too deep"),
        pytest.param("/v1/reports", DEEP_WITHIN, {}, 400, reasons.INVALID_REQUEST, id="too deep in an unknown field"),
        pytest.param("/v1/blobs", DEEP_WITHIN[:20_000], {}, 400, reasons.INVALID_REQUEST, id="digests too deep"),
        pytest.param(
            "/v1/reports",
            b'{"reports":[{"instance":"%s"}]}' % (b"x" * 300),
            {},
            400,
            reasons.INVALID_REQUEST,
            id="a long name",
        ),
        *(
            pytest.param(
                "/v1/reports",
                b'{"reports":[{"instance":"x",%s}]}' % said,
                {},
                400,
                reasons.INVALID_REQUEST,
                id=said.decode()[:40],
            )
            for said in (
                b'"incarnation":"%s"' % (b"x" * 257),
                b'"kids":["%s"]' % (b"x" * 257),
                b'"nacks":[{"name":"%s","uid":"","revision":1,"reason":""}]' % (b"x" * 257),
                b'"nacks":[{"name":"","uid":"%s","revision":1,"reason":""}]' % (b"x" * 65),
                b'"nacks":[{"name":"","uid":"","revision":1,"reason":"%s"}]' % (b"x" * 65),
                b'"renders":[{"digest":"%s"}]' % (b"x" * 257),
                b'"renders":[{"digest":"d","succeeded":-1}]',
                b'"renders":[{"digest":"d","latency_buckets":[%s]}]' % b",".join([b"1"] * 65),
                b'"renders":[%s]' % b",".join([b'{"digest":"d"}'] * 1001),
            )
        ),
        pytest.param(
            "/v1/reports",
            b'{"reports":[%s]}' % b",".join([b'{"instance":"x"}'] * 1001),
            {},
            400,
            reasons.INVALID_REQUEST,
            id="too many instances",
        ),
        pytest.param("/v1/reports", b"x", {"Content-Encoding": "gzip"}, 415, UNSUPPORTED_ENCODING, id="compressed"),
        pytest.param("/v1/nothing", b"", {}, 404, problems.ROUTE_NOT_FOUND, id="no such path"),
        pytest.param("/v1/stream", b"", {}, 405, problems.METHOD_NOT_ALLOWED, id="no such method"),
    ],
)
async def test_bad_requests_are_problems(
    running: Hop, http: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await http.post(path, content=body, headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert (await http.post("/v1/reports", content=b'{"reports":[{"instance":"fine"}]}')).status_code == 200


@pytest.mark.parametrize("path", ["/v1/stream", "/v1/blobs/sha256:0"])
@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        pytest.param(
            NotEntitled(reasons.TENANT_UNKNOWN, "no tenant claims team-a"), 403, reasons.TENANT_UNKNOWN, id="403"
        ),
        pytest.param(
            AuthenticationUnavailable("the API server is away"), 503, reasons.AUTHENTICATION_UNAVAILABLE, id="503"
        ),
    ],
)
async def test_who_may_not_follow_is_told_why(
    running: Hop, http: httpx.AsyncClient, path: str, refusal: Exception, status: int, code: str
) -> None:
    running.refusal = refusal

    answer = await http.get(path)

    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (status, code, str(refusal))


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic dTpw", "Bearer unknown", "Bearer a b"])
async def test_who_shows_no_good_token_gets_nothing(running: Hop, authorization: str) -> None:
    async with httpx.AsyncClient(base_url=running.url, headers={"Authorization": authorization}) as anybody:
        answers = [
            await anybody.get("/v1/stream"),
            await anybody.get(f"/v1/blobs/{content('Hello').digest}"),
            await anybody.post("/v1/blobs", content=b"{}"),
            await anybody.post("/v1/reports", content=b'{"reports":[{"instance":"x"}]}'),
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["code"] for answer in answers} == {reasons.UNAUTHENTICATED}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert running.reports.instances(SCOPE) == ()


async def test_before_anything_is_published_the_answer_is_retry(running: Hop, http: httpx.AsyncClient) -> None:
    running.renew(term=2)

    answer = await http.get("/v1/stream")

    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, reasons.NOT_READY, True)


async def test_a_report_is_recorded_for_the_caller(running: Hop, http: httpx.AsyncClient) -> None:
    running.tokens["token-a"] = Caller(SCOPE, "team-a", "team-a", "pod-1", "default")

    await http.post("/v1/reports", content=msgspec.json.encode(ReportBatch((Report("one", Position(1, 1, 1)),))))

    [instance] = running.reports.instances(SCOPE)
    assert (instance.instance, instance.pod_uid, instance.position) == ("one", "pod-1", Position(1, 1, 1))


async def test_a_reader_that_lags_gets_the_whole_index_and_costs_no_memory(
    running: Hop, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MAX_QUEUED_FRAMES", 8)
    streams = running.streams
    text = "x" * 30_000
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        [subscriber] = streams.channels[SCOPE].subscribers
        number = 0
        while not subscriber.behind:
            # Nobody reads: the buffers between us fill up first, then the queue.
            number += 1
            running.put(("greeting", f"{number}{text}"), revision=number)
            before = running.origin.position(SCOPE)
            await until(partial(running.has_left, before))
            assert len(subscriber._frames) <= 8
        kinds = [await events.next()]
        while kinds[-1][0] != "index":
            kinds.append(await events.next())

    assert kinds[-2][0] == "behind"
    assert kinds[-1][1]["entries"][0]["revision"] == number


async def test_a_reader_that_takes_nothing_is_left(
    running: Hop, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_SECONDS", 0.2)
    streams = running.streams
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        number = 0
        while streams.subscribers:
            number += 1
            assert number < 3000
            running.put(("greeting", f"{number}" + "x" * 30_000), revision=number)
            before = running.origin.position(SCOPE)
            await until(partial(running.has_left, before))

    assert number > 1


async def test_a_stream_ends_when_the_token_has_to_be_shown_again() -> None:
    async with (
        hop(stream_seconds=0.2) as running,
        client(running) as http,
        http.stream("GET", "/v1/stream") as response,
    ):
        events = Stream(response)
        _ = await events.next(), await events.next()

        assert await events.next() == ("goodbye", {"reason": "Reauthenticate"})
        assert await events.ends()


async def test_a_server_that_stops_says_goodbye(running: Hop, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        running.streams.close("Shutdown")

        assert await events.next() == ("goodbye", {"reason": "Shutdown"})
        assert await events.ends()
    assert (await http.get("/v1/stream")).status_code == 503


async def test_a_revoked_scope_ends_with_the_signed_word(running: Hop, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        running.origin.revoke(SCOPE)

        kind, revoked = await events.next()
        assert kind == "revoked"
        signed = msgspec.convert(revoked["signed"], type=Signed)
        assert running.verifier.verify_revocation(signed).scope == SCOPE
        assert await events.ends()


async def test_an_idle_stream_has_heartbeats(running: Hop, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()
        running.confirm()

        kind, said = await events.next()
        assert (kind, said["scope"]) == ("heartbeat", SCOPE)
        assert said["position"] == {"epoch": 1, "term": 1, "seq": 1}
        assert 0 <= said["age_ms"] < 5000


async def test_a_follower_that_disappears_is_forgotten(running: Hop) -> None:
    streams = running.streams
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token-a\r\n\r\n")
    assert await reader.read(10) != b""
    assert streams.subscribers == 1

    writer.transport.abort()

    await until(lambda: streams.subscribers == 0)


async def test_a_stream_of_a_store_that_has_just_ended_ends(running: Hop, http: httpx.AsyncClient) -> None:
    store = running.origin.store(SCOPE)
    assert store is not None
    store.end("NewTerm")

    async with http.stream("GET", "/v1/stream") as response:
        events = Stream(response)
        _ = await events.next(), await events.next()

        assert await events.next() == ("goodbye", {"reason": "NewTerm"})
        assert await events.ends()


@pytest.mark.parametrize("path", ["/v1/stream", f"/v1/stream?{EVERY_SCOPE_QUERY}"])
async def test_one_identity_has_no_more_streams_when_it_asks_for_them_at_once(
    running: Hop, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Every head is taken before the first stream begins: a body that is ignored is waited for."""
    monkeypatch.setattr(serve, "STREAMS_OF_AN_ACCOUNT", 3)
    monkeypatch.setattr(serve, "STREAMS_OF_A_POD", 3)
    token = "relay" if "?" in path else "token-a"
    shown = f"Host: x\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\nContent-Length: 1"
    connections = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(10)]
    for _, writer in connections:
        writer.write(f"GET {path} HTTP/1.1\r\n{shown}\r\n\r\n".encode())
    for reader, _ in connections:
        await reader.readuntil(b"100 Continue\r\n\r\n")

    for _, writer in connections:
        writer.write(b"x")

    answers = [await reader.readuntil(b"}\n\n") for reader, _ in connections]
    assert sum(b"Crowded" in answer for answer in answers) == 7
    assert running.streams.subscribers == 3
    for _, writer in connections:
        writer.close()


async def test_one_identity_has_so_many_streams_and_no_more(running: Hop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "STREAMS_OF_AN_ACCOUNT", 3)
    async with AsyncExitStack() as streams:
        http = await streams.enter_async_context(client(running))
        other = await streams.enter_async_context(client(running, "token-b"))
        opened = [Stream(await streams.enter_async_context(http.stream("GET", "/v1/stream"))) for _ in range(3)]
        for stream_of_one in opened:
            await stream_of_one.next()

        refused = await http.get("/v1/stream")

        assert (refused.status_code, refused.json()["code"]) == (429, reasons.TOO_MANY_REQUESTS)
        assert int(refused.headers["retry-after"]) > 0
        assert running.refused == {"Streams": 1}
        async with other.stream("GET", "/v1/stream") as response:
            assert response.status_code == 200
    await until(lambda: not running.streams.open)


@pytest.mark.parametrize(
    ("size", "reason"),
    [pytest.param(10, "Requests", id="many requests"), pytest.param(200_000, "Bytes", id="many bytes")],
)
async def test_one_identity_asks_so_much_and_no_more(running: Hop, size: int, reason: str) -> None:
    running.tokens["pod"] = Caller(SCOPE, "team-a", "team-a", "pod-1", "default")
    async with client(running, "pod") as http, client(running) as other:
        answers = [await http.post("/v1/reports", content=b" " * size) for _ in range(100)]

        assert {answer.status_code for answer in answers} == {400, 429}
        assert running.refused[reason] >= 1
        assert (await other.post("/v1/reports", content=b'{"reports":[{"instance":"x"}]}')).status_code == 200


async def test_what_instances_cannot_take_costs_the_origin_little_memory(running: Hop, http: httpx.AsyncClient) -> None:
    nacks = tuple(Nack(f"p{number}", "uid", 1, "BlobMissing") for number in range(1000))

    await http.post(
        "/v1/reports", content=msgspec.json.encode(ReportBatch((Report("one", Position(1, 1, 1), nacks=nacks),)))
    )

    [instance] = running.reports.instances(SCOPE)
    assert len(instance.nacks) == 100
    assert instance.position is None
