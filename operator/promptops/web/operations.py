"""The operations listener, reachable from outside the pod: metrics and probes, no prompt text, nothing to change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Exposition = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Accept header → every metric in a format that it takes, and the format's content type."""


@dataclass(frozen=True)
class Answer:
    """What a probe says."""

    ok: bool
    body: str | bytes
    content_type: str = "text/plain"


Probe = Callable[[], Answer]


def alive() -> Answer:
    """Answer a liveness probe: whoever answers is alive."""
    return Answer(True, "ok\n")


def operations_app(exposition: Exposition, probes: Mapping[str, Probe]) -> Starlette:
    """Return the application: /metrics, and each probe under its path, 200 when it is ok and 503 when not."""

    async def metrics(request: Request) -> Response:
        body, content_type = await exposition(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    def endpoint(probe: Probe) -> Callable[[Request], Awaitable[Response]]:
        async def answer(_: Request) -> Response:
            said = probe()
            return Response(said.body, 200 if said.ok else 503, media_type=said.content_type)

        return answer

    routes = [Route(path, endpoint(probe), methods=["GET"]) for path, probe in probes.items()]
    return Starlette(routes=[Route("/metrics", metrics, methods=["GET"]), *routes])
