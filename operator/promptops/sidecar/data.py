"""The data listener as an ASGI application: guard, call, answer. Routing is ours, on the path as it was sent."""

from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from promptops.api.http import PROBLEM_TYPE, Health, Problem
from promptops.domain.errors import PromptError
from promptops.sidecar import problems
from promptops.sidecar.answers import Answers
from promptops.sidecar.guard import Guard, Refusal, read_body
from promptops.sidecar.routes import Action, Call, NoSuchRoute, call_of

_log = structlog.get_logger()
_ENCODER = msgspec.json.Encoder()
_SAFE = {"x-content-type-options": "nosniff"}


class DataApp:
    """Renders, lists, versions, health."""

    def __init__(self, answers: Answers, health: Callable[[], Health], guard: Guard) -> None:
        self._answers = answers
        self._health = health
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing that goes wrong leaves here but as a problem."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            self._guard.admit(request)
            call = _call(request)
            if call.action is Action.RENDER:
                return _json(self._answers.render(call.prompt_id, await read_body(request)), cache="no-store")
            return self._look_up(call, request)
        except Refusal as refusal:
            return _problem(refusal.problem, refusal.headers)
        except PromptError as error:
            return _problem(problems.problem_of(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody hears it
        except Exception:
            _log.exception("request failed", method=request.method)
            return _problem(problems.internal_error())

    def _look_up(self, call: Call, request: Request) -> Response:
        if call.action is Action.HEALTH:
            health = self._health()
            return _json(health, status=503 if health.status == "unhealthy" else 200, cache="no-store")
        answer: Any
        if call.action is Action.PROMPTS:
            answer = self._answers.prompts()
        elif call.action is Action.VERSIONS:
            answer = self._answers.versions(call.prompt_id)
        else:
            answer = self._answers.prompt(call.prompt_id)
        etag = self._answers.etag()
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"etag": etag, **_SAFE})
        return _json(answer, etag=etag, cache="no-cache")


def _call(request: Request) -> Call:
    raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    try:
        call = call_of(raw_path.partition(b"?")[0].decode("ascii", "replace"))
    except NoSuchRoute:
        raise Refusal(problems.problem(404, problems.ROUTE_NOT_FOUND, "nothing is served under this path")) from None
    if request.method not in call.action.methods:
        allowed = ", ".join(call.action.methods)
        detail = f"this path answers to {allowed}"
        raise Refusal(problems.problem(405, problems.METHOD_NOT_ALLOWED, detail), {"allow": allowed})
    return call


def _json(answer: msgspec.Struct, *, status: int = 200, cache: str, etag: str | None = None) -> Response:
    headers = {"cache-control": cache, **_SAFE, **({"etag": etag} if etag else {})}
    return Response(_ENCODER.encode(answer), status, headers, "application/json")


def _problem(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(
        _ENCODER.encode(problem),
        problem.status,
        {"cache-control": "no-store", **_SAFE, **(headers or {})},
        PROBLEM_TYPE,
    )
