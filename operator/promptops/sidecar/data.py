"""The data listener as an ASGI application: guard, call, answer. Routing is ours, on the path as it was sent."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from promptops.api.http import MAX_REQUEST_BYTES, REQUEST_ID_HEADER, Health
from promptops.reader.answers import Answers
from promptops.rendering.errors import PromptError
from promptops.sidecar.guard import Guard
from promptops.sidecar.routes import Action, Call, NoSuchRoute, call_of
from promptops.web import problems
from promptops.web.bodies import read_body
from promptops.web.problems import HttpRefusal, problem_response

_log = structlog.get_logger()
_ENCODER = msgspec.json.Encoder()
_SAFE = {"x-content-type-options": "nosniff"}
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class DataApp:
    """Renders, lists, versions, health."""

    def __init__(self, answers: Answers, health: Callable[[], Health], guard: Guard) -> None:
        self._answers = answers
        self._health = health
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing that goes wrong leaves here but as a problem."""
        request = Request(scope, receive)
        response = await self._respond(request)
        asked = request.headers.get(REQUEST_ID_HEADER, "")
        if _REQUEST_ID.fullmatch(asked):
            response.headers[REQUEST_ID_HEADER] = asked
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            self._guard.admit(request)
            call = _call(request)
            if call.action is Action.RENDER:
                return _json(
                    self._answers.render(call.prompt_id, await read_body(request, MAX_REQUEST_BYTES)), cache="no-store"
                )
            return self._look_up(call, request)
        except HttpRefusal as refusal:
            return problem_response(refusal.problem, refusal.headers)
        except PromptError as error:
            return problem_response(problems.problem_of(error))
        except Exception:
            _log.exception("request failed", method=request.method)
            return problem_response(problems.internal_error())

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
        raise HttpRefusal(
            problems.problem(404, problems.ROUTE_NOT_FOUND, "nothing is served under this path")
        ) from None
    if request.method not in call.action.methods:
        allowed = ", ".join(call.action.methods)
        detail = f"this path answers to {allowed}"
        raise HttpRefusal(problems.problem(405, problems.METHOD_NOT_ALLOWED, detail), {"allow": allowed})
    return call


def _json(answer: msgspec.Struct, *, status: int = 200, cache: str, etag: str | None = None) -> Response:
    headers = {"cache-control": cache, **_SAFE, **({"etag": etag} if etag else {})}
    return Response(_ENCODER.encode(answer), status, headers, "application/json")
