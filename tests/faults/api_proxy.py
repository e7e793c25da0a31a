"""A reverse proxy before the API server that breaks watches the way real networks and real API servers do.

It speaks TLS with a certificate of its own, passes the caller's token on, and knows what a watch is: watches can be cut while every other call goes through,
and resumed with 410 Gone, as after a compaction.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from promptops.dev.ports import free_ports
from promptops.web.certificates import Authority

HALF_AN_EVENT = b'{"type": "MODIFIED", "object": {"kind": "Prom'
GONE = {
    "type": "ERROR",
    "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too old resource version",
        "reason": "Expired",
        "code": 410,
    },
}
_HOP_HEADERS = {
    "connection",
    "transfer-encoding",
    "keep-alive",
    "host",
    "content-length",
    "content-encoding",
    "accept-encoding",
}


class ApiProxy:
    """Watches are `open`, `cut` (refused and ended), or `gone` (each resumed watch is told 410 once, then they are open)."""

    def __init__(self, server: str, authority: bytes, folder: Path) -> None:
        """`server` and `authority` are the real API server's URL and CA; the proxy's own files go to `folder`."""
        own = Authority("promptops-test-proxy", datetime.datetime.now(datetime.UTC))
        identity = own.server("proxy", ("127.0.0.1",), ("localhost",))
        self.authority = own.certificate
        (folder / "proxy.crt").write_bytes(identity.certificate)
        (folder / "proxy.key").write_bytes(identity.key)
        (folder / "upstream.crt").write_bytes(authority)
        (self.port,) = free_ports(1)
        self.url = f"https://127.0.0.1:{self.port}"
        self.watches: Literal["open", "cut", "gone"] = "open"
        self.told_gone: set[str] = set()
        self._last_words = b""
        self._running: set[asyncio.Event] = set()
        self._upstream = httpx.AsyncClient(
            base_url=server,
            verify=ssl.create_default_context(cafile=str(folder / "upstream.crt")),
            timeout=httpx.Timeout(30, read=None),
            trust_env=False,
        )
        route = Route("/{path:path}", self._pass_on, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        self._server = uvicorn.Server(
            uvicorn.Config(
                Starlette(routes=[route]),
                host="127.0.0.1",
                port=self.port,
                ssl_certfile=str(folder / "proxy.crt"),
                ssl_keyfile=str(folder / "proxy.key"),
                log_config=None,  # the tests' own logging stays as it is
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """End every watch and stop listening."""
        self.cut_watches()
        self._server.should_exit = True
        self._thread.join(10)

    def cut_watches(self, *, mid_event: bool = False) -> None:
        """End every running watch and refuse new ones; everything else goes through. `mid_event`: within a line."""
        self._last_words = HALF_AN_EVENT if mid_event else b""
        self.watches = "cut"
        self._end_watches()

    def resume_watches_with_gone(self) -> None:
        """Let watches through again, but tell each one that resumes from a resourceVersion that it is too old."""
        self.told_gone.clear()
        self.watches = "gone"

    def _end_watches(self) -> None:
        if self._loop:
            for event in tuple(self._running):
                self._loop.call_soon_threadsafe(event.set)

    async def _pass_on(self, request: Request) -> Response:
        self._loop = asyncio.get_running_loop()
        if request.query_params.get("watch") in ("1", "true"):
            if self.watches == "cut":
                return Response(status_code=503)
            key = request.url.path + str(request.query_params.get("labelSelector"))
            if self.watches == "gone" and request.query_params.get("resourceVersion") and key not in self.told_gone:
                self.told_gone.add(key)
                return Response(json.dumps(GONE) + "\n", media_type="application/json")
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_HEADERS}
        upstream = await self._upstream.send(
            self._upstream.build_request(
                request.method,
                httpx.URL(path=request.url.path, query=request.url.query.encode()),
                headers=headers,
                content=await request.body(),
            ),
            stream=True,
        )
        kept = {name: value for name, value in upstream.headers.items() if name not in _HOP_HEADERS}
        if request.query_params.get("watch") in ("1", "true"):
            return StreamingResponse(self._watch(upstream), upstream.status_code, kept)
        body = await upstream.aread()
        await upstream.aclose()
        return Response(body, upstream.status_code, kept)

    async def _watch(self, upstream: httpx.Response) -> AsyncIterator[bytes]:
        ended = asyncio.Event()
        self._running.add(ended)
        stop = asyncio.ensure_future(ended.wait())
        chunks = upstream.aiter_bytes()
        chunk: asyncio.Future[bytes] = asyncio.ensure_future(anext(chunks, b""))
        try:
            while True:
                await asyncio.wait((chunk, stop), return_when=asyncio.FIRST_COMPLETED)
                if stop.done() and self._last_words:
                    yield self._last_words
                if stop.done() or chunk.exception() or not chunk.result():
                    return
                yield chunk.result()
                chunk = asyncio.ensure_future(anext(chunks, b""))
        finally:
            for task in (stop, chunk):
                task.cancel()
            await asyncio.gather(stop, chunk, return_exceptions=True)
            self._running.discard(ended)
            await upstream.aclose()
