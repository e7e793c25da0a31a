"""The operations listener, reachable from outside the pod: metrics and probes, no prompt text, nothing to change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from promptops.web.answers import SAFE, Answer, Application, TakenRequest
from promptops.web.problems import no_such_route, refuse_query, wrong_method
from promptops.web.requests import Head

Exposition = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Accept header → every metric in a format that it takes, and the format's content type."""
_METHODS: Final = ("GET", "HEAD")
_HEADERS: Final = (("cache-control", "no-store"), *SAFE)


@dataclass(frozen=True)
class ProbeAnswer:
    """What a probe says."""

    ok: bool
    body: str | bytes
    content_type: str = "text/plain; charset=utf-8"


Probe = Callable[[], ProbeAnswer]


def alive() -> ProbeAnswer:
    """Answer a liveness probe: whoever answers is alive."""
    return ProbeAnswer(True, "ok\n")


def operations_app(exposition: Exposition, probes: Mapping[str, Probe]) -> Application:
    """Return the application: /metrics, and each probe under its path, 200 when it is ok and 503 when not."""

    async def metrics(accept: str) -> Answer:
        body, content_type = await exposition(accept)
        return Answer(200, body, content_type, (*_HEADERS, ("vary", "Accept")))

    def call(head: Head) -> TakenRequest:
        probe = probes.get(head.path)
        if probe is None and head.path != "/metrics":
            raise no_such_route(head.path)
        if head.method not in _METHODS:
            raise wrong_method(_METHODS)
        if probe is None:
            # Scrapers of some makers add parameters to the path of every target: they choose nothing here.
            return TakenRequest(lambda _: metrics(head.header(b"accept")))
        refuse_query(head.query)
        return TakenRequest(lambda _: _answer(probe()))

    return call


def _answer(said: ProbeAnswer) -> Answer:
    body = said.body if isinstance(said.body, bytes) else said.body.encode()
    return Answer(200 if said.ok else 503, body, said.content_type, _HEADERS)
