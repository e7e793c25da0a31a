"""The feed to the processes next door: over the socket alone, and what it says of where things come from and how old they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptops.api.feed import Hello, Signed, WholeIndex
from promptops.api.wire import read
from promptops.cache.clock import Clock
from promptops.cache.store import Store
from promptops.cache.verifier import Trusting, to_token
from promptops.client.in_process.socket_hop import SocketHop
from promptops.feed.follow import Follower
from promptops.feed.frames import FrameReader
from promptops.feed.hop import Disconnected
from promptops.web.problems import ROUTE_NOT_FOUND
from tests.sidecar.test_feed import Following, followed
from tests.support.manifests import sourced
from tests.support.sidecar import Sidecar, Start, sidecars, write
from tests.support.waiting import until

__all__ = ["followed"]
DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar over one prompt."""
    directory = tmp_path_factory.mktemp("prompts")
    write(directory / "greeting.yaml", sourced("greeting", {"text": "Hello"}))
    for start in sidecars():
        yield start(directory)


@asynccontextmanager
async def following(path: Path) -> AsyncIterator[Store]:
    """Follow a socket as a client does."""
    store = Store()
    task = asyncio.create_task(Follower(SocketHop(str(path)), Trusting(), store, repeats_source=True).run())
    try:
        yield store
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def first_events(path: Path, held: str = "") -> dict[str, bytes]:
    """Return what a stream begins with."""
    seen: dict[str, bytes] = {}
    reader = FrameReader()
    headers = {"Promptops-Held": held} if held else {}
    async with SocketHop(str(path)).stream(headers, lambda: None) as chunks:
        async for chunk in chunks:
            seen |= {frame.kind: frame.data for frame in reader.read(chunk)}
            if "index" in seen:
                break
    return seen


async def test_a_stream_begins_with_everything_that_is_held(sidecar: Sidecar) -> None:
    seen = await first_events(sidecar.socket)

    index = read(seen["index"], WholeIndex)
    assert read(seen["hello"], Hello).age_ms is not None
    assert index.source == "directory"
    assert [entry.name for entry in index.entries or ()] == ["greeting"]


async def test_who_holds_it_already_gets_the_header_alone(sidecar: Sidecar) -> None:
    first = read((await first_events(sidecar.socket))["index"], WholeIndex)

    again = read((await first_events(sidecar.socket, to_token(first.signed)))["index"], WholeIndex)

    assert again.entries is None


@pytest.mark.parametrize("held", ["nonsense", to_token(Signed("e30", "")), "a" * 9000])
async def test_who_does_not_say_what_it_holds_gets_everything(sidecar: Sidecar, held: str) -> None:
    assert read((await first_events(sidecar.socket, held))["index"], WholeIndex).entries is not None


async def test_blobs_by_their_digest(sidecar: Sidecar) -> None:
    async with following(sidecar.socket) as store:
        view = (await store.changed(None)).blobs
    (digest,) = view

    transport = httpx.HTTPTransport(uds=str(sidecar.socket))
    with httpx.Client(transport=transport, base_url="http://localhost") as http:
        one = await asyncio.to_thread(http.get, f"/v1/blobs/{digest}")
        many = await asyncio.to_thread(http.post, "/v1/blobs", json={"digests": [digest, DIGEST]})
        none = await asyncio.to_thread(http.get, f"/v1/blobs/{DIGEST}")

    assert one.content == view[digest]
    assert [each["digest"] for each in many.json()["blobs"]] == [digest]
    assert (none.status_code, none.json()["code"]) == (404, "BlobNotFound")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/stream"), ("POST", "/v1/blobs"), ("GET", f"/v1/blobs/{DIGEST}")]
)
def test_nobody_follows_over_an_address(sidecar: Sidecar, method: str, path: str) -> None:
    answer = sidecar.http.request(method, f"{sidecar.url}{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, ROUTE_NOT_FOUND)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param(b"POST /v1/stream", b"405", id="a stream that is posted"),
        pytest.param(b"GET /v1/blobs", b"405", id="many blobs that are got"),
        pytest.param(b"GET /v1/stream?scopes=*", b"400", id="another scope"),
        pytest.param(b"GET /v1/blobs/a/b", b"404", id="a path below a blob"),
    ],
)
def test_what_is_no_call_of_the_feed(sidecar: Sidecar, request_line: bytes, status: bytes) -> None:
    answer = sidecar.raw(
        request_line + b" HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", unix=True
    )

    assert answer.split(b" ")[1] == status


async def test_an_edit_of_a_directory_comes_by_itself(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "greeting.yaml", sourced("greeting", {"text": "Hello"}))
    running = await asyncio.to_thread(start_sidecar, tmp_path)
    async with following(running.socket) as store:
        await store.changed(None)

        write(tmp_path / "greeting.yaml", sourced("greeting", {"text": "Bye"}))

        await until(lambda: any(b"Bye" in blob for blob in (store.current.blobs if store.current else {}).values()))


async def test_another_process_over_the_same_directory_stands_above_the_one_before(
    start_sidecar: Start, tmp_path: Path
) -> None:
    write(tmp_path / "greeting.yaml", sourced("greeting", {"text": "Hello"}))
    running = await asyncio.to_thread(start_sidecar, tmp_path)
    async with following(running.socket) as store:
        before = (await store.changed(None)).position
        await asyncio.to_thread(running.stop)

        await asyncio.to_thread(
            start_sidecar, tmp_path, PROMPTOPS_DIRECTORY=str(tmp_path), PROMPTOPS_SOCKET=str(running.socket)
        )

        assert (await store.changed(before)).position > before


async def test_what_comes_from_an_origin_is_passed_on_with_its_age(followed: Following) -> None:
    await followed.answers("Hello")
    async with following(followed.sidecar.socket) as store:
        held = await store.changed(None)
        followed.hop.put(("greeting", "Bonjour"), revision=2)
        await until(lambda: store.current is not None and store.current.position > held.position)

        age = store.age_seconds(Clock().now())

    assert held.source == "live"
    assert 0 <= age < 10


async def test_what_a_snapshot_brought_back_says_so_and_how_old_it_is(followed: Following) -> None:
    await followed.answers("Hello")
    await followed.stop()
    await followed.hop.stop()
    await followed.start()
    answer: dict[str, Any] = json.loads((await followed.render()).content)

    async with following(followed.sidecar.socket) as store:
        held = await store.changed(None)
        await until(lambda: store.confirmed_at is not None)
        age = store.age_seconds(Clock().now())

    await followed.hop.start()
    assert answer["source"] == held.source == "snapshot"
    assert abs(age - answer["age_seconds"]) < 5


async def test_a_sidecar_that_holds_nothing_yet_says_so(start_sidecar: Start, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    trust = json.dumps({"keys": []})
    running = await asyncio.to_thread(
        start_sidecar,
        PROMPTOPS_FEED_URL="http://127.0.0.1:9",
        PROMPTOPS_TOKEN_FILE=str(tmp_path / "token"),
        PROMPTOPS_TRUST=trust,
    )

    with pytest.raises(Disconnected) as refused:
        await first_events(running.socket)

    assert refused.value.reason == "NotReady"
