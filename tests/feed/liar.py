"""A hop that says whatever a test has it say: the other end of a follower that must not believe everything."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn

from promptops.api.feed import Blob, BlobsAnswer, Heartbeat, Hello, Position
from promptops.feed import frames
from tests.cache.scribe import SCOPE
from tests.support.waiting import until

HELLO = frames.write(frames.HELLO, Hello(SCOPE, "team-a", "team-a", age_ms=0))


def heartbeat(seq: int) -> bytes:
    """The origin stands there, and has said so just now."""
    return frames.write(frames.HEARTBEAT, Heartbeat(SCOPE, Position(1, 1, seq), at_ms=2**50, age_ms=0))


class Liar:
    """An ASGI application that sends bytes."""

    def __init__(self) -> None:
        self.greeting = HELLO
        """What every new stream begins with."""
        self.blobs: dict[str, str] = {}
        """Digest → what is sent under it."""
        self.status = 200
        self.stalled = asyncio.Event()
        """Cleared: requests for blobs are not answered."""
        self.stalled.set()
        self.shown: list[str] = []
        """What followers said they hold, one word per stream."""
        self.tokens: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.asked: list[list[str]] = []
        self.port = 0
        self._streams: set[asyncio.Queue[bytes | None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    def say(self, *said: bytes) -> None:
        """Send bytes on every open stream."""
        for stream in self._streams:
            stream.put_nowait(b"".join(said))

    def hang_up(self) -> None:
        """End every stream."""
        for stream in self._streams:
            stream.put_nowait(None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.tokens.append(headers.get("authorization", ""))
        if self.status != 200:
            await _answer(send, self.status, b"broken")
        elif scope["path"] == "/v1/stream":
            self.shown.append(headers.get("promptops-held", ""))
            await self._stream(receive, send)
        elif scope["path"] == "/v1/blobs":
            await self._send_blobs(await _body(receive), send)
        else:
            self.reports += json.loads(await _body(receive))["reports"]
            await _answer(send, 200, b"{}")

    async def _stream(self, receive: Any, send: Any) -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._streams.add(queue)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            queue.put_nowait(self.greeting)
            while not gone.done():
                said = asyncio.ensure_future(queue.get())
                await asyncio.wait({said, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not said.done() or (data := said.result()) is None:
                    said.cancel()
                    break
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._streams.discard(queue)
            gone.cancel()

    async def _send_blobs(self, body: bytes, send: Any) -> None:
        asked = json.loads(body)["digests"]
        self.asked.append(asked)
        await self.stalled.wait()
        found = tuple(Blob(digest, self.blobs[digest]) for digest in asked if digest in self.blobs)
        await _answer(send, 200, msgspec.json.encode(BlobsAnswer(found)))


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _answer(send: Any, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def lying() -> AsyncIterator[Liar]:
    """Run a liar."""
    liar = Liar()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    liar.port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(liar, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield liar
    finally:
        liar.stalled.set()
        liar.hang_up()
        server.should_exit = True
        await serving
