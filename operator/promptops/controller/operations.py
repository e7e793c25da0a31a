"""Metrics and health of the operator. No prompt text here."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from promptops.telemetry.operator import OperatorMetrics

NotReady = Callable[[], "str | None"]


def operations_app(metrics: OperatorMetrics, not_ready: NotReady) -> Starlette:
    """Return the application. `not_ready` says why the operator is not ready, or None when it is."""

    async def exposition(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        why = not_ready()
        return PlainTextResponse("ok\n" if why is None else f"{why}\n", 200 if why is None else 503)

    return Starlette(
        routes=[Route("/metrics", exposition), Route("/healthz", healthz), Route("/readyz", readyz)],
    )
