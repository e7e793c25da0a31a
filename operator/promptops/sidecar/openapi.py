"""What the data listener says of itself: a welcome with links, and OpenAPI made of the messages that are really sent."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import msgspec

from promptops.api.http import (
    PROBLEM_TYPE,
    BatchRequest,
    BatchResponse,
    EvaluationRequest,
    Health,
    Problem,
    PromptDetail,
    PromptList,
    RenderRequest,
    RenderResponse,
    VersionDetail,
    VersionDiff,
    VersionList,
    Welcome,
)
from promptops.api.observed import EVENT_TYPES, FeedbackAnswer, FeedbackRequest, PromptEvent, Statistics

Schema = dict[str, Any]
_REFERENCE: Final = "#/components/schemas/{name}"


@dataclass(frozen=True)
class Operation:
    """One call: where, what for, what is sent and what comes back."""

    method: str
    path: str
    summary: str
    answer: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None = None
    problems: tuple[int, ...] = ()
    query: tuple[str, ...] = ()
    optional: bool = False
    """Whether body and query may be left out."""
    speaks: str = ""
    """The protocol that says what is sent and what comes back, errors too, when it is none of ours."""
    lasts: bool = False
    """Whether what comes back are server-sent events without end, each of them an `answer`."""


CALLS: Final = (
    Operation("get", "/", "What is here, and where the rest is.", Welcome),
    Operation("post", "/mcp", "One message of the Model Context Protocol, specification 2026-07-28: JSON-RPC 2.0.", None, None, (400, 404, 413, 503), speaks="MCP"),
    Operation("post", "/ofrep/v1/evaluate/flags/{id}", "A prompt as a flag of the OpenFeature Remote Evaluation Protocol 0.3.0.", None, EvaluationRequest, (400, 404, 413, 503), optional=True, speaks="OFREP"),
    Operation("post", "/ofrep/v1/evaluate/flags", "The same for all prompts. It has an ETag, and names the stream that says when to ask again.", None, EvaluationRequest, (400, 413, 503), optional=True, speaks="OFREP"),
    Operation("get", "/ofrep/v1/sse", "Says refetchEvaluation when something else is served.", None, None, (503,), lasts=True, speaks="OFREP"),
    Operation("get", "/openapi.json", "This document.", None),
    Operation("get", "/v1/health", "Whether prompts can be rendered, and what that rests on.", Health, problems=(503,)),
    Operation("get", "/v1/prompts", "All prompts that are held, by name.", PromptList, problems=(503,)),
    Operation("get", "/v1/prompts/{id}", "A prompt, its active version and what that says.", PromptDetail, problems=(400, 404, 503)),
    Operation("get", "/v1/prompts/{id}/diff", "What differs between two versions.", VersionDiff, None, (400, 404, 503), ("from", "to")),
    Operation("get", "/v1/prompts/{id}/versions", "The versions that can be asked for, newest first.", VersionList, problems=(400, 404, 503)),
    Operation("get", "/v1/prompts/{id}/versions/{version}", "What one version says. It never changes.", VersionDetail, problems=(400, 404, 503)),
    Operation("post", "/v1/prompts/{id}/render", "Render a prompt with values.", RenderResponse, RenderRequest, (400, 404, 409, 413, 422, 429, 503), optional=True),
    Operation("post", "/v1/render/batch", "Render many prompts; each is answered for itself, also when others fail.", BatchResponse, BatchRequest, (400, 413)),
    Operation("post", "/v1/feedback", "Say what came of a render.", FeedbackAnswer, FeedbackRequest, (400, 404, 413, 503)),
    Operation("get", "/v1/events", "What changes and what is rendered, as it happens. A listener that is too slow misses some and is told how many.", PromptEvent, None, (400, 503), ("types",), optional=True, lasts=True),
    Operation("get", "/v1/stats", "Renders by prompt since the sidecar started: how many, how long, how they failed, what came of them.", Statistics),
)  # fmt: skip
_PARAMETERS: Final = {
    "id": "The id or the name of a prompt. Slashes may stand in it; one before render or versions is written %2F.",
    "version": "The number of a version, as in 1.0.0.",
    "from": "The number of the version to compare with.",
    "to": "The number of the version that is compared.",
    "types": f"Types of events, with commas between them: {', '.join(EVENT_TYPES)}. Without it, all of them.",
}
_PATTERNS: Final = {
    "id": r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
    "version": r"^[0-9A-Za-z.-]+$",
    "types": rf"^({'|'.join(EVENT_TYPES)})(,({'|'.join(EVENT_TYPES)}))*$",
}
"""What a generator of requests may put there; an id may be more than that."""


def welcome() -> Welcome:
    """Return what GET / says."""
    links = {"openapi": "/openapi.json", "prompts": "/v1/prompts", "health": "/v1/health", "stats": "/v1/stats"}
    return Welcome("promptops sidecar", version("promptops"), links)


def meaning_of(parameter: str) -> str:
    """Return what a parameter is."""
    return _PARAMETERS[parameter]


def document() -> Schema:
    """Return the OpenAPI 3.1 document of the data listener."""
    kinds = {each for call in CALLS for each in (call.answer, call.body) if each is not None} | {Problem}
    _, schemas = msgspec.json.schema_components(sorted(kinds, key=lambda kind: kind.__name__), ref_template=_REFERENCE)
    paths: dict[str, Schema] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "PromptOps: the data listener of a sidecar", "version": version("promptops")},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(call: Operation) -> Schema:
    made: Schema = {"summary": call.summary, "operationId": _identifier(call), "responses": _responses(call)}
    paths = [_parameter(name, "path") for name in _PARAMETERS if f"{{{name}}}" in call.path]
    if parameters := paths + [_parameter(name, "query", required=not call.optional) for name in call.query]:
        made["parameters"] = parameters
    if call.body is not None:
        content = {"application/json": {"schema": _named(call.body)}}
        made["requestBody"] = {"content": content, "required": not call.optional}
    return made


def _responses(call: Operation) -> Schema:
    schema: Schema = {"type": "object"} if call.answer is None else _named(call.answer)
    kind = "text/event-stream" if call.lasts else "application/json"
    # An event stream is text: the schema is that of each event's data.
    body = {"type": "string", "x-event": schema} if call.lasts else schema
    answers = {"200": {"description": "So it is.", "content": {kind: {"schema": body}}}}
    if call.method == "get" and call.answer not in (Health, Statistics, PromptEvent):
        answers["304"] = {"description": "What the caller has already, as If-None-Match says, is still so."}
    problem: Schema = {PROBLEM_TYPE: {"schema": _named(Problem)}}
    if call.speaks:
        problem = {"application/json": {"schema": schema}, **problem}
    for status in call.problems:
        content = {"application/json": {"schema": schema}} if call.answer is Health else problem
        answers[str(status)] = {"description": _MEANINGS[status], "content": content}
    return answers


def _identifier(call: Operation) -> str:
    words = [word.strip("{}") for word in call.path.replace(".", "/").split("/") if word not in ("", "v1")]
    return "_".join([call.method, *words])


_MEANINGS: Final = {
    400: "The request cannot be read, or names no prompt.",
    404: "No such prompt or version is held; similar names are told.",
    409: "The prompt is disabled.",
    413: "The request, or what would be rendered, is too large.",
    429: "The tenant allows this pod fewer renders a second; Retry-After says when there is room.",
    422: "The variables do not fit what the version declares; every one is named.",
    503: "Nothing to answer with yet, or not any more.",
}


def _named(kind: type[msgspec.Struct]) -> Schema:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _parameter(name: str, where: str, *, required: bool = True) -> Schema:
    return {
        "name": name,
        "in": where,
        "required": required,
        "description": _PARAMETERS[name],
        "schema": {"type": "string", "minLength": 1, "pattern": _PATTERNS.get(name, _PATTERNS["version"])},
    }
