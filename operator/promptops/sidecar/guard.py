"""What the data listener refuses before it looks at a call: foreign hosts and pages, encodings, bodies without end."""

import asyncio
import ipaddress
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from promptops.api import reasons
from promptops.api.http import MAX_REQUEST_BYTES, Problem
from promptops.sidecar import problems

BODY_SECONDS: Final = 30.0
_PORT: Final = re.compile(r":[0-9]{1,5}$")


class Refusal(Exception):
    """A request is refused; `headers` go with the answer."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or {}


class Guard:
    """The rules of one listener. `any_address`: it was told to listen beyond loopback, so it is reached by address."""

    def __init__(self, *, check_host: bool, any_address: bool = False) -> None:
        self._check_host = check_host
        self._any_address = any_address

    def admit(self, request: Request) -> None:
        """Refuse a request by its headers.

        A page from elsewhere that had its name rebound to this address still says that name in Host and Origin.
        """
        if self._check_host and not self._is_local(request.headers.getlist("host")):
            raise _refused(403, problems.FORBIDDEN_HOST, "the Host header must name localhost or a loopback address")
        if not all(self._is_local_origin(origin) for origin in request.headers.getlist("origin")):
            raise _refused(403, problems.FORBIDDEN_ORIGIN, "pages of other origins are not answered")

    def _is_local(self, hosts: Sequence[str]) -> bool:
        if len(hosts) != 1:
            return False
        name = _PORT.sub("", hosts[0]).lower()
        return name == "localhost" or self._is_local_address(name)

    def _is_local_address(self, name: str) -> bool:
        if (":" in name) != (name.startswith("[") and name.endswith("]")):
            return False
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return self._any_address or address.is_loopback

    def _is_local_origin(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self._is_local([parts.netloc])


async def read_body(request: Request) -> bytes:
    """Read a body that is plain, bounded and comes in time; it is refused before it is held. Raises Refusal."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _refused(
            415, problems.UNSUPPORTED_ENCODING, "send the body as it is, without Content-Encoding", close=True
        )
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_REQUEST_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _gather(request)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS:.0f} s"
        raise _refused(408, problems.REQUEST_TIMEOUT, detail, close=True) from None


async def _gather(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> Refusal:
    limit = f"the body is larger than {MAX_REQUEST_BYTES // 1024} KiB"
    return _refused(413, reasons.REQUEST_TOO_LARGE, limit, close=True)


def _refused(status: int, code: str, detail: str, *, close: bool = False) -> Refusal:
    return Refusal(problems.problem(status, code, detail), {"connection": "close"} if close else {})
