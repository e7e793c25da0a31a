"""What the data listener says of itself: a welcome with links, and OpenAPI made of the messages that are really sent."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import msgspec

from promptops.api.http import (
    PROBLEM_TYPE,
    Health,
    Problem,
    PromptDetail,
    PromptList,
    RenderRequest,
    RenderResponse,
    VersionDetail,
    VersionList,
    Welcome,
)

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


CALLS: Final = (
    Operation("get", "/", "What is here, and where the rest is.", Welcome),
    Operation("get", "/openapi.json", "This document.", None),
    Operation("get", "/v1/health", "Whether prompts can be rendered, and what that rests on.", Health, problems=(503,)),
    Operation("get", "/v1/prompts", "All prompts that are held, by name.", PromptList, problems=(503,)),
    Operation("get", "/v1/prompts/{id}", "A prompt, its active version and what that says.", PromptDetail, problems=(400, 404, 503)),
    Operation("get", "/v1/prompts/{id}/versions", "The versions that can be asked for, newest first.", VersionList, problems=(400, 404, 503)),
    Operation("get", "/v1/prompts/{id}/versions/{version}", "What one version says. It never changes.", VersionDetail, problems=(400, 404, 503)),
    Operation("post", "/v1/prompts/{id}/render", "Render a prompt with values.", RenderResponse, RenderRequest, (400, 404, 409, 413, 422, 503)),
)  # fmt: skip
_PARAMETERS: Final = {
    "id": "The id or the name of a prompt. Slashes may stand in it; one before render or versions is written %2F.",
    "version": "The number of a version, as in 1.0.0.",
}


def welcome() -> Welcome:
    """Return what GET / says."""
    links = {"openapi": "/openapi.json", "prompts": "/v1/prompts", "health": "/v1/health"}
    return Welcome("promptops sidecar", version("promptops"), links)


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
    schema: Schema = {"type": "object"} if call.answer is None else _named(call.answer)
    answers = {"200": {"description": "So it is.", "content": {"application/json": {"schema": schema}}}}
    problem = {PROBLEM_TYPE: {"schema": _named(Problem)}}
    for status in call.problems:
        kind = {"application/json": {"schema": schema}} if call.answer is Health else problem
        answers[str(status)] = {"description": _MEANINGS[status], "content": kind}
    made: Schema = {"summary": call.summary, "responses": answers}
    if parameters := [_parameter(name) for name in _PARAMETERS if f"{{{name}}}" in call.path]:
        made["parameters"] = parameters
    if call.body is not None:
        made["requestBody"] = {"content": {"application/json": {"schema": _named(call.body)}}}
    return made


_MEANINGS: Final = {
    400: "The request cannot be read, or names no prompt.",
    404: "No such prompt or version is held; similar names are told.",
    409: "The prompt is disabled.",
    413: "The request, or what would be rendered, is too large.",
    422: "The variables do not fit what the version declares; every one is named.",
    503: "Nothing to answer with yet, or not any more.",
}


def _named(kind: type[msgspec.Struct]) -> Schema:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _parameter(name: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _PARAMETERS[name],
        "schema": {"type": "string"},
    }
