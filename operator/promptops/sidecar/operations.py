"""The operations listener, reachable from outside the pod: metrics and probes, no prompt text, nothing to change."""

import msgspec
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from promptops.sidecar.state import State
from promptops.telemetry.sidecar import SidecarMetrics


def operations_app(state: State, metrics: SidecarMetrics) -> Starlette:
    """Return the application: /metrics, /healthz, /readyz, /startupz."""

    async def exposition(request: Request) -> Response:
        state.observe(metrics)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"content-type": content_type})

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        # Dependencies name files and prompts; whoever may scrape need not know them.
        health = msgspec.structs.replace(state.health(), dependencies={})
        return Response(msgspec.json.encode(health), 200 if state.is_ready else 503, media_type="application/json")

    async def started(_: Request) -> Response:
        return PlainTextResponse(*(("started\n", 200) if state.is_started else ("starting\n", 503)))

    paths = {"/metrics": exposition, "/healthz": alive, "/readyz": ready, "/startupz": started}
    return Starlette(routes=[Route(path, endpoint, methods=["GET"]) for path, endpoint in paths.items()])
