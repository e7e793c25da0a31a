"""Prompts as the Model Context Protocol lists, gets and completes them, from the same answers as everything else.

POST /mcp
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, Final

import msgspec

from promptops.api.content import Content, Variable
from promptops.api.feed import Entry
from promptops.api.http import RenderedMessage, RenderRequest, RenderResponse
from promptops.api.observed import CHANGES, PromptEvent
from promptops.api.wire import Unreadable, read_value
from promptops.reader.answers import Answers
from promptops.rendering.errors import InvalidInput, PromptDisabled, PromptError, PromptNotFound
from promptops.sidecar.events import EventHub
from promptops.sidecar.mcp import envelope
from promptops.sidecar.mcp.envelope import RpcCall, RpcRefusal
from promptops.sidecar.renders import JSON, NO_STORE, Renders
from promptops.web.answers import Answer, Lasting
from promptops.web.problems import HttpRefusal, problem_of
from promptops.web.requests import Head

PAGE: Final = 100
"""Prompts of one answer to prompts/list."""
LIST_TTL_MS: Final = 5000
"""So long a client may keep a list without asking; who listens for changes hears of them at once."""
MAX_COMPLETIONS: Final = 100
_OURS: Final = "promptops.io/"
_ROLES: Final = frozenset({"user", "assistant"})
_LIST_CHANGED: Final = "notifications/prompts/list_changed"


class McpFace:
    """Answers POST /mcp."""

    def __init__(self, answers: Answers, renders: Renders, hub: EventHub, worker: ThreadPoolExecutor) -> None:
        self._answers = answers
        self._renders = renders
        self._hub = hub
        self._worker = worker
        self._results: Mapping[str, Callable[[RpcCall], Mapping[str, Any]]] = {
            "server/discover": lambda _: _discovered(),
            "completion/complete": self._completed,
        }

    async def answer(self, body: bytes, head: Head) -> Answer | Lasting:
        """Answer one message: a result or an error as JSON, a subscription as a stream."""
        call: RpcCall | None = None
        try:
            call = envelope.read_call(body, head)
            if call is None:
                return Answer(202, headers=NO_STORE)
            if call.method == "subscriptions/listen":
                return self._listen(call)
            return Answer(200, envelope.result_of(call.id, await self._result(call, head, len(body))), JSON, NO_STORE)
        except RpcRefusal as refusal:
            return Answer(refusal.status, refusal.body(call.id if call else None), JSON, NO_STORE)
        except PromptError as error:
            told = _refusal_of(error)
            return Answer(told.status, told.body(call.id if call else None), JSON, NO_STORE)

    async def _result(self, call: RpcCall, head: Head, size: int) -> Mapping[str, Any]:
        if call.method == "prompts/get":
            return await self._got(call, head, size)
        if call.method == "prompts/list":
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._listed, call)
        answer = self._results.get(call.method)
        if answer is None:
            raise RpcRefusal(
                envelope.METHOD_NOT_FOUND, "there is no such method; here are prompts and completions alone"
            )
        return answer(call)

    def _listed(self, call: RpcCall) -> Mapping[str, Any]:
        view = self._answers.view()
        after = envelope.text_of(call.params, "cursor") if "cursor" in call.params else ""
        names = sorted(name for name, entry in view.entries.items() if name > after and _is_served(entry))
        page = {"prompts": [each for name in names[:PAGE] if (each := self._described(name))], **_cached()}
        return page if len(names) <= PAGE else {**page, "nextCursor": names[PAGE - 1]}

    def _described(self, name: str) -> Mapping[str, Any] | None:
        """A prompt in its listed form; None when it cannot be rendered here."""
        try:
            entry, reference, content = self._answers.declared(name)
        except PromptError:
            return None
        return {
            "name": entry.ids[0] if entry.ids else entry.name,
            "description": f"Version {reference.version}",
            "arguments": [_argument(variable) for variable in content.variables],
            "_meta": {f"{_OURS}version": reference.version, f"{_OURS}digest": reference.digest},
        }

    async def _got(self, call: RpcCall, head: Head, size: int) -> Mapping[str, Any]:
        name = envelope.text_of(call.params, "name")
        _, _, content = self._answers.declared(name)
        request = RenderRequest(_typed(content, envelope.texts_of(call.params, "arguments")))
        answer = await self._renders.of_face(name, request, head, size)
        return {"messages": [_said(message) for message in answer.messages], "_meta": _provenance(answer)}

    def _completed(self, call: RpcCall) -> Mapping[str, Any]:
        reference, argument = envelope.object_of(call.params, "ref"), envelope.object_of(call.params, "argument")
        if reference.get("type") != "ref/prompt":
            raise RpcRefusal(
                envelope.INVALID_PARAMS, "only arguments of prompts are completed: params.ref.type is ref/prompt"
            )
        _, _, content = self._answers.declared(envelope.text_of(reference, "name"))
        name, begun = envelope.text_of(argument, "name"), envelope.text_of(argument, "value")
        declared = next((each for each in content.variables if each.name == name), None)
        if declared is None:
            raise RpcRefusal(envelope.INVALID_PARAMS, "the prompt has no argument of this name")
        values = [value for value in _possible(declared) if value.startswith(begun)]
        shown = values[:MAX_COMPLETIONS]
        return {"completion": {"values": shown, "total": len(values), "hasMore": len(values) > len(shown)}}

    def _listen(self, call: RpcCall) -> Lasting:
        wanted = envelope.object_of(call.params, "notifications")
        honoured = {"promptsListChanged": True} if wanted.get("promptsListChanged") is True else {}
        meta = {envelope.SUBSCRIPTION: call.id}
        acknowledged = {"notifications": honoured, "_meta": meta}
        changed = envelope.notification(_LIST_CHANGED, {"_meta": meta})

        def written(events: tuple[PromptEvent, ...], missed: int) -> bytes:
            return changed if events or missed else b""

        try:
            return self._hub.stream(
                frozenset(CHANGES) if honoured else frozenset(),
                written,
                first=envelope.notification("notifications/subscriptions/acknowledged", acknowledged),
                last=envelope.event(envelope.result_of(call.id, {"_meta": meta})),
            )
        except HttpRefusal as refusal:
            raise RpcRefusal(envelope.INTERNAL_ERROR, refusal.problem.detail) from None


def _discovered() -> Mapping[str, Any]:
    return {
        "supportedVersions": [envelope.VERSION],
        "capabilities": {"prompts": {"listChanged": True}, "completions": {}},
        **_cached(),
        "_meta": {envelope.SERVER_INFO: {"name": "promptops", "version": version("promptops")}},
    }


def _cached() -> Mapping[str, Any]:
    """For whom an answer may be kept: what a namespace serves is nobody else's."""
    return {"ttlMs": LIST_TTL_MS, "cacheScope": "private"}


def _is_served(entry: Entry) -> bool:
    return entry.state != "disabled" and entry.stable is not None


def _argument(variable: Variable) -> Mapping[str, Any]:
    written = "" if variable.type == "string" else f"JSON text: {variable.type}"
    described = ". ".join(filter(None, (variable.description, written)))
    required = variable.required and not variable.from_values
    return {"name": variable.name, "required": required, **({"description": described} if described else {})}


def _typed(content: Content, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Arguments are strings; what is declared as something else is read as JSON. What cannot be read stays what it is: the
    check of the variables then says which type was wanted."""
    types = {variable.name: variable.type for variable in content.variables}
    return {
        name: value if types.get(name, "string") == "string" else _json_or_text(value)
        for name, value in arguments.items()
    }


def _json_or_text(value: str) -> Any:
    try:
        return read_value(value)
    except Unreadable:
        return value


def _possible(variable: Variable) -> tuple[str, ...]:
    return ("true", "false") if variable.type == "boolean" else variable.enum or ()


def _said(message: RenderedMessage) -> Mapping[str, Any]:
    role, text = message["role"], {"type": "text", "text": message["content"]}
    if role in _ROLES:
        return {"role": role, "content": text}
    return {"role": "user", "content": {**text, "_meta": {f"{_OURS}role": role}}}


def _provenance(answer: RenderResponse) -> Mapping[str, Any]:
    told = ("version", "digest", "source", "age_seconds", "stale", "render_id")
    warnings = msgspec.to_builtins(answer.warnings)
    return {f"{_OURS}{name}": getattr(answer, name) for name in told} | {f"{_OURS}warnings": warnings}


def _refusal_of(error: PromptError) -> RpcRefusal:
    """What the caller can mend is wrong with the parameters; the rest, like a prompt that is disabled, with this server."""
    code = envelope.INVALID_PARAMS if isinstance(error, InvalidInput | PromptNotFound) else envelope.INTERNAL_ERROR
    if isinstance(error, PromptDisabled):
        code = envelope.INVALID_REQUEST
    return RpcRefusal(code, str(error), msgspec.to_builtins(problem_of(error)))
