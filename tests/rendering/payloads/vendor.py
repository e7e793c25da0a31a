"""A local HTTP server in a vendor's place: it keeps what the vendor's own SDK sends, and answers so that the SDK is content."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Vendor:
    """What arrived."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[tuple[str, dict[str, Any]]] = []

    @property
    def body(self) -> dict[str, Any]:
        """The one body that arrived."""
        ((_, body),) = self.received
        return body

    @property
    def path(self) -> str:
        """Where it went."""
        ((path, _),) = self.received
        return path


@contextmanager
def listening(answer: dict[str, Any]) -> Iterator[Vendor]:
    """Listen on a free port; every POST is answered with `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            vendor.received.append((self.path, json.loads(self.rfile.read(length))))
            said = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vendor = Vendor(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
