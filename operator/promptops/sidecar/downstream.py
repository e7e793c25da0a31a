"""The feed to the processes next door, over the Unix socket alone: who may open that may have what the sidecar holds.

What is sent is what the sidecar holds, verified. Nobody shows a token: the mode of the socket says who may connect.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from promptops.api import reasons
from promptops.api.clients import INSTANCE_HEADER
from promptops.api.feed import HELD_HEADER, BlobsRequest, Header, Hello
from promptops.api.limits import MAX_INSTANCE_CHARACTERS
from promptops.cache.clock import Clock
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.cache.verifier import Trusting, from_token
from promptops.cache.view import View
from promptops.feed import frames
from promptops.feed.blobs import many_of
from promptops.feed.stream import Stream, Streams
from promptops.reader.requests import read_strictly
from promptops.sidecar.clients import LEFT_SECONDS, Clients
from promptops.web.answers import SAFE, Answer, Lasting, Outlet
from promptops.web.problems import HttpRefusal, problem
from promptops.web.requests import Head

MAX_STREAMS: Final = 256
CONFIRM_SECONDS: Final = 2.0
"""So often those who follow are told how old what they hold is, whether or not the origin has said anything new."""
STREAM_SECONDS: Final = 24 * 3600.0
MAX_BLOBS_REQUEST_BYTES: Final = 64 * 1024
_MAX_HELD_CHARACTERS: Final = 8192
_HELD: Final = HELD_HEADER.lower().encode()
_INSTANCE: Final = INSTANCE_HEADER.lower().encode()
_NO_STORE: Final = (("cache-control", "no-store"), *SAFE)


class Downstream:
    """Lets processes follow a store."""

    def __init__(self, store: Store, clock: Clock, clients: Clients) -> None:
        self.clients = clients
        self._store = store
        self._clock = clock
        self._streams = Streams()
        self._looking: asyncio.TimerHandle | None = None

    def stream(self, head: Head) -> Lasting:
        """Answer GET /v1/stream. Raises HttpRefusal."""
        if self._streams.closed or self._streams.subscribers >= MAX_STREAMS:
            raise _later(reasons.TOO_MANY_REQUESTS, f"there are {MAX_STREAMS} streams already, or the sidecar ends")
        view = self._view()
        self._confirm_itself(view)
        hello = Hello(view.header.scope, view.header.tenant, view.header.namespace)
        held = _held(head, view)
        stream = Stream(self._streams, "socket", self._store, hello, held, STREAM_SECONDS, MAX_STREAMS)
        instance = head.header(_INSTANCE) or ""
        if not instance or len(instance) > MAX_INSTANCE_CHARACTERS:
            # Whoever does not say who it is renders nothing by itself that is asked for here.
            return Lasting(frames.CONTENT_TYPE, stream.write, _NO_STORE)
        return Lasting(frames.CONTENT_TYPE, partial(self._follow, instance, stream), _NO_STORE)

    def blobs(self, body: bytes) -> Answer:
        """Answer POST /v1/blobs. Raises HttpRefusal, InvalidInput."""
        return many_of(self._view().blobs, read_strictly(body, BlobsRequest).digests)

    async def run(self) -> None:
        """Tell for ever how old what is held is. A directory is its own origin, and confirms itself."""
        while True:
            await asyncio.sleep(CONFIRM_SECONDS)
            self.confirm()

    def confirm(self) -> None:
        """Tell it once."""
        view = self._store.current
        if view is not None and self._confirm_itself(view):
            return
        for channel in tuple(self._streams.channels.values()):
            channel.push(channel.confirmation())

    async def _follow(self, instance: str, stream: Stream, outlet: Outlet) -> None:
        try:
            with self.clients.following(instance):
                await stream.write(outlet)
        finally:
            self._look_again()

    def _look_again(self) -> None:
        """Look when whoever left is forgotten, however many leave. A loop that was held has early timers: so until that is seen."""
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LEFT_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        if self.clients.look():
            self._look_again()

    def _confirm_itself(self, view: View) -> bool:
        if view.signed is None:
            self._store.confirm(self._clock.now())
        return view.signed is None

    def close(self) -> None:
        """End every stream, and open no more."""
        self._streams.close("Shutdown")

    def _view(self) -> View:
        if self._store.current is None:
            raise _later(reasons.NOT_READY, "nothing is held yet; retry")
        return self._store.current


def _later(code: str, detail: str) -> HttpRefusal:
    return HttpRefusal(problem(503, code, detail, retryable=True), {"retry-after": "1"})


def _held(head: Head, view: View) -> Header | None:
    """Return what the follower holds of this scope; None when it does not say so: then it gets everything."""
    token = head.header(_HELD)
    if not token or len(token) > _MAX_HELD_CHARACTERS:
        return None
    try:
        header = Trusting().verify(from_token(token))
    except Refused:
        return None
    return header if header.scope == view.header.scope else None
