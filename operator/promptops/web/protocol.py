"""HTTP/1.1 as uvicorn speaks it, a little stricter: bounded heads, plain paths, refusals as problems."""

import re
from typing import Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from promptops.api import reasons
from promptops.api.http import PROBLEM_TYPE
from promptops.web.problems import problem

MAX_HEAD_BYTES: Final = 32 * 1024
_PLAIN_TARGET: Final = re.compile(rb"/[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*")
"""Origin-form: no scheme, no host, no fragment, no backslash."""


class Protocol(HttpToolsProtocol):
    """One connection. What is raised in a callback ends in the parser's error, and so in a 400 and a closed connection."""

    _head_bytes = 0

    def on_message_begin(self) -> None:
        """Count anew."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Bound the request target, which may come in pieces."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the headers: the parser itself takes any number of them."""
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take only a target that is a path, as every client but a proxy's sends it."""
        if not _PLAIN_TARGET.fullmatch(self.url):
            raise ValueError("the request target is not a plain path")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP with a problem and hang up."""
        body = msgspec.json.encode(problem(400, reasons.INVALID_REQUEST, "this is not a valid HTTP request"))
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {PROBLEM_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _count(self, data: bytes) -> None:
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head of the request is too large")
