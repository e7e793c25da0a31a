"""Bodies of requests: plain, bounded, and there in time; refused before they are held."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from promptops.api import reasons
from promptops.web.problems import REQUEST_TIMEOUT, UNSUPPORTED_ENCODING, HttpRefusal, problem

BODY_SECONDS: Final = 30.0
_CLOSE: Final = {"connection": "close"}


async def read_body(request: Request, limit: int, seconds: float = BODY_SECONDS) -> bytes:
    """Return the body of at most `limit` bytes. Raises HttpRefusal."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _refused(415, UNSUPPORTED_ENCODING, "send the body as it is, without Content-Encoding")
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _gather(request, limit)
    except TimeoutError:
        raise _refused(408, REQUEST_TIMEOUT, f"the body did not arrive within {seconds:.0f} s") from None
    except ClientDisconnect:
        raise _refused(400, reasons.INVALID_REQUEST, "the body ended too early") from None


async def _gather(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> HttpRefusal:
    return _refused(413, reasons.REQUEST_TOO_LARGE, f"the body is larger than {limit // 1024} KiB")


def _refused(status: int, code: str, detail: str) -> HttpRefusal:
    return HttpRefusal(problem(status, code, detail), _CLOSE)
