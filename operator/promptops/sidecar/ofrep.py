"""Prompts as flags of the OpenFeature Remote Evaluation Protocol 0.3.0: a key is a prompt, the context has its variables.

POST /ofrep/v1/evaluate/flags/{key}
POST /ofrep/v1/evaluate/flags
GET  /ofrep/v1/sse
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Any, Final

import msgspec

from promptops.api.content import Content
from promptops.api.feed import Entry
from promptops.api.http import MAX_BATCH_OUTPUT_BYTES, EvaluationRequest, RenderRequest, RenderResponse
from promptops.api.limits import MAX_SESSION_CHARACTERS
from promptops.api.observed import CHANGES, PromptEvent
from promptops.reader.answers import Answers
from promptops.reader.requests import read_strictly
from promptops.rendering import selection
from promptops.rendering.errors import InvalidInput, PromptDisabled, PromptError, PromptNotFound
from promptops.sidecar.events import EventHub
from promptops.sidecar.lookups import names
from promptops.sidecar.renders import JSON, NO_STORE, TURN_SECONDS, Renders
from promptops.web.answers import SAFE, Answer, Lasting
from promptops.web.problems import problem_of
from promptops.web.requests import Head

STREAM: Final = "/ofrep/v1/sse"
_TARGETING_KEY: Final = "targetingKey"
_REFETCH: Final = b'event: message\ndata: {"type":"refetchEvaluation"}\n\n'
_ENCODER = msgspec.json.Encoder()
_STREAMS: Final = _ENCODER.encode([{"type": "sse", "endpoint": {"requestUri": STREAM}}])

Flag = dict[str, Any]


class OfrepFace:
    """Evaluates prompts."""

    def __init__(self, answers: Answers, renders: Renders, hub: EventHub, worker: ThreadPoolExecutor) -> None:
        self._answers = answers
        self._renders = renders
        self._hub = hub
        self._worker = worker

    async def one(self, key: str, body: bytes, head: Head) -> Answer:
        """Answer the evaluation of one flag."""
        try:
            context = _context(body)
        except InvalidInput as error:
            return _sent(400, {"key": key, "errorCode": "PARSE_ERROR", "errorDetails": str(error)})
        try:
            _, _, content = self._answers.declared(key)
            answer = await self._renders.of_face(key, _request(content, context), head, len(body))
        except PromptDisabled:
            return _sent(200, self._disabled(key))
        except PromptError as error:
            return _sent(_status(error), {"key": key, **_failure(error)})
        metadata = {"age_seconds": answer.age_seconds, "render_id": answer.render_id}
        return _sent(200, _flag(key, content, answer, metadata))

    async def all(self, body: bytes, head: Head) -> Answer:
        """Answer the evaluation of every flag. It counts no renders: nobody has asked for most of them."""
        try:
            context = _context(body)
            view = self._answers.view()
        except InvalidInput as error:
            return _sent(400, {"errorCode": "PARSE_ERROR", "errorDetails": str(error)})
        except PromptError as error:
            return _sent(503, {"errorDetails": str(error)})
        loop, entries = asyncio.get_running_loop(), [view.entries[name] for name in sorted(view.entries)]
        flags: list[bytes] = []
        room = MAX_BATCH_OUTPUT_BYTES
        while len(flags) < len(entries):
            some = await loop.run_in_executor(self._worker, self._some, entries, len(flags), context, room)
            flags += some
            room -= sum(map(len, some))
        joined = b",".join(flags)
        tag = blake2b(joined, digest_size=12).hexdigest()
        headers = (("cache-control", "no-cache"), ("etag", f'"{tag}"'), *SAFE)
        if any(names(held, tag) for held in head.all_of(b"if-none-match")):
            return Answer(304, headers=headers)
        return Answer(200, b'{"flags":[%s],"eventStreams":%s}' % (joined, _STREAMS), JSON, headers)

    def changes(self) -> Lasting:
        """Answer the stream that says when to evaluate again. Raises HttpRefusal."""

        def written(events: tuple[PromptEvent, ...], missed: int) -> bytes:
            return _REFETCH if events or missed else b""

        return self._hub.stream(frozenset(CHANGES), written, first=b": listening\n\n")

    def _some(self, entries: list[Entry], at: int, context: Mapping[str, Any], room: int) -> list[bytes]:
        """Evaluate those from `at` on, for one turn. `room`: for how many bytes there is room."""
        until, done = time.perf_counter() + TURN_SECONDS, [self._evaluated(entries[at], context, room)]
        while at + len(done) < len(entries) and time.perf_counter() < until:
            room -= len(done[-1])
            done.append(self._evaluated(entries[at + len(done)], context, room))
        return done

    def _evaluated(self, entry: Entry, context: Mapping[str, Any], room: int) -> bytes:
        key = entry.ids[0] if entry.ids else entry.name
        try:
            if room <= 0:
                raise InvalidInput(f"all flags together have more than {MAX_BATCH_OUTPUT_BYTES // 1024} KiB")
            _, _, content = self._answers.declared(entry.name)
            outcome = self._answers.attempt_read(entry.name, _request(content, context)).outcome
            if isinstance(outcome, PromptError):
                raise outcome
            flag = _flag(key, content, outcome, {})
        except PromptDisabled:
            flag = self._disabled(key)
        except PromptError as error:
            flag = {"key": key, **_failure(error)}
        return _ENCODER.encode(flag)

    def _disabled(self, key: str) -> Flag:
        """No value: the application's own default stands."""
        entry = selection.find(self._answers.view(), key)
        return {"key": key, "reason": "DISABLED", "variant": entry.stable.version if entry.stable else ""}


def _context(body: bytes) -> dict[str, Any]:
    return read_strictly(body, EvaluationRequest).context if body else {}


def _request(content: Content, context: Mapping[str, Any]) -> RenderRequest:
    """An application's context says much that is no variable of this prompt."""
    declared = {variable.name for variable in content.variables}
    session = context.get(_TARGETING_KEY)
    return RenderRequest(
        {name: value for name, value in context.items() if name in declared},
        session=session[:MAX_SESSION_CHARACTERS] if isinstance(session, str) else None,
    )


def _flag(key: str, content: Content, answer: RenderResponse, metadata: Mapping[str, Any]) -> Flag:
    """A text is a string; a chat is an object with its messages and parameters."""
    is_chat = content.messages is not None
    return {
        "key": key,
        "value": {"messages": answer.messages, "parameters": answer.parameters} if is_chat else answer.rendered_content,
        "reason": _reason(answer),
        "variant": answer.version,
        "metadata": {"digest": answer.digest, "source": answer.source, **metadata},
    }


def _reason(answer: RenderResponse) -> str:
    if answer.source == "fallback":
        return "DEFAULT"
    return "STALE" if answer.stale else "STATIC"


def _failure(error: PromptError) -> Flag:
    if isinstance(error, PromptNotFound):
        return {"errorCode": "FLAG_NOT_FOUND", "errorDetails": str(error)}
    code = "INVALID_CONTEXT" if isinstance(error, InvalidInput) else "GENERAL"
    return {"errorCode": code, "errorDetails": str(error)}


def _status(error: PromptError) -> int:
    return 400 if isinstance(error, InvalidInput) else problem_of(error).status


def _sent(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(status, _ENCODER.encode(body), JSON, NO_STORE)
