"""A gateway in a thread of this process: a real origin above it, a real server below, callers known by made-up tokens."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from promptops.api.feed import Blob
from promptops.cache.store import Store
from promptops.feed.authentication import Caller
from promptops.feed.connection import Upstream
from promptops.feed.relay import Relay
from promptops.gateway.face import GatewayApp
from promptops.gateway.scopes import ScopesServed
from promptops.sidecar.directory import Directory
from promptops.telemetry.gateway import GatewayMetrics
from promptops.telemetry.process import ProcessMetrics
from promptops.telemetry.supervision import Supervisor
from tests.support.hop import OTHER_SCOPE, Hop, hop
from tests.support.serving import served
from tests.support.waiting import until


@dataclass
class RunningGateway:
    """Where it serves, and what it follows."""

    url: str
    hop: Hop
    relay: Relay
    scopes: ScopesServed


@asynccontextmanager
async def gateway() -> AsyncIterator[RunningGateway]:
    """Run a gateway below an origin that serves two namespaces."""
    async with hop(leads=True) as above:
        relay = Relay(Upstream(above.url, lambda: "relay", wide=True), above.verifier)
        registry = CollectorRegistry()
        scopes = ScopesServed(
            relay,
            GatewayMetrics(registry),
            Supervisor(ProcessMetrics(registry)),
            lambda: above.verifier.kids,
            Caller("", "", "", None, "promptops-relay"),
            "gateway-1",
        )
        following = asyncio.create_task(relay.run())
        async with served(GatewayApp(above.authenticate, scopes)) as server:
            try:
                await until(lambda: len(relay.scopes()) == 2)
                yield RunningGateway(server.url, above, relay, scopes)
            finally:
                await scopes.end()
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


@dataclass
class GatewayClient:
    """One namespace's caller, with the calls that a sidecar is asked by in tests."""

    url: str
    http: httpx.Client
    source = "live"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(f"{self.url}{path}", **options)

    def render(self, prompt: str, variables: dict[str, Any] | None = None, **fields: Any) -> httpx.Response:
        return self.post(prompt, json.dumps({"variables": variables or {}, **fields}, ensure_ascii=False).encode())

    def post(self, prompt: str, body: bytes, **options: Any) -> httpx.Response:
        return self.http.post(f"{self.url}/v1/prompts/{prompt}/render", content=body, **options)


@contextmanager
def gateway_over(directory: Path) -> Iterator[GatewayClient]:
    """Run a gateway whose second namespace has what a directory's manifests come to."""
    started: Future[str] = Future()
    stop = asyncio.Event()

    async def run() -> None:
        async with gateway() as running:
            store = Store()
            source = Directory(directory, store)
            source.load()
            source.close()
            assert store.current is not None
            blobs = [Blob(digest, content.decode()) for digest, content in store.current.blobs.items()]
            for entry in store.current.entries.values():
                running.hop.origin.put(OTHER_SCOPE, entry, blobs)
            expected = len(store.current.entries)
            await until(lambda: _held(running.relay) == expected)
            loop.append(asyncio.get_running_loop())
            started.set_result(running.url)
            await stop.wait()

    loop: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: _run(run, started))
    thread.start()
    with httpx.Client(trust_env=False, timeout=20, headers={"Authorization": "Bearer token-b"}) as http:
        yield GatewayClient(started.result(60), http)
    loop[0].call_soon_threadsafe(stop.set)
    thread.join(60)


def _run(run: Any, started: Future[str]) -> None:
    try:
        asyncio.run(run())
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
        raise


def _held(relay: Relay) -> int:
    store = relay.store(OTHER_SCOPE)
    return len(store.current.entries) if store is not None and store.current is not None else 0
