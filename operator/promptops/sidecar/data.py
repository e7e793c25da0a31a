"""The data listener's calls: guard, route, answer. Routing is ours, on the path as it was sent.

What takes long is done in one thread beside the loop, one caller's after the other's: a render of a large body, and the
list of all prompts when it has changed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Final

import msgspec

from promptops.api.http import MAX_REQUEST_BYTES, Health, PromptDetail
from promptops.cache.view import View
from promptops.reader.answers import Answers, Attempt, prompts_of
from promptops.rendering.errors import PromptError
from promptops.sidecar import openapi
from promptops.sidecar.guard import Guard
from promptops.sidecar.routes import Action, Route, route_of
from promptops.web.answers import SAFE, Answer, TakenRequest
from promptops.web.problems import refuse_query, wrong_method
from promptops.web.requests import Head

_ENCODER = msgspec.json.Encoder()
_JSON = "application/json"
_NO_STORE = (("cache-control", "no-store"), *SAFE)
LARGE_BYTES: Final = 16 * 1024
"""A render of a smaller body takes less than handing it to a thread and back is worth."""


@dataclass(frozen=True)
class _Tagged:
    """A body and what it is known by."""

    body: bytes
    tag: str


class DataApp:
    """Renders, lists, versions, health."""

    def __init__(
        self, answers: Answers, health: Callable[[], Health], guard: Guard, worker: ThreadPoolExecutor
    ) -> None:
        """`worker` has one thread, which may be shared."""
        self._answers = answers
        self._health = health
        self._guard = guard
        self._worker = worker
        self._list: tuple[View, _Tagged] | None = None

    def __call__(self, head: Head) -> TakenRequest:
        """Say who answers a request. Raises HttpRefusal and PromptError."""
        self._guard.admit(head)
        route = route_of(head.path)
        if head.method not in route.action.methods:
            raise wrong_method(route.action.methods)
        refuse_query(head.query)
        if route.action is Action.RENDER:
            return TakenRequest(lambda body: self._render(route.prompt_id, body), MAX_REQUEST_BYTES)
        return TakenRequest(lambda _: self._look_up(route, head))

    def _render(self, prompt_id: str, body: bytes) -> Answer | Awaitable[Answer]:
        if len(body) >= LARGE_BYTES:
            return self._render_beside(prompt_id, body)
        return _rendered(_ENCODER.encode(self._answers.render(prompt_id, body)))

    async def _render_beside(self, prompt_id: str, body: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        attempt, encoded = await loop.run_in_executor(self._worker, self._attempted, prompt_id, body)
        self._answers.settle(attempt)
        return _rendered(encoded)

    def _attempted(self, prompt_id: str, body: bytes) -> tuple[Attempt, bytes]:
        attempt = self._answers.attempt(prompt_id, body)
        return attempt, b"" if isinstance(attempt.outcome, PromptError) else _ENCODER.encode(attempt.outcome)

    def _look_up(self, route: Route, head: Head) -> Answer | Awaitable[Answer]:
        if route.action is Action.HEALTH:
            health = self._health()
            return Answer(503 if health.status == "unhealthy" else 200, _ENCODER.encode(health), _JSON, _NO_STORE)
        held = head.all_of(b"if-none-match")
        if route.action in _UNCHANGING:
            return _revalidated(_UNCHANGING[route.action](), held)
        if route.action is Action.PROMPTS:
            return self._listed(self._answers.view(), held)
        if route.action is Action.VERSION:
            return _revalidated(_tagged(self._answers.version(route.prompt_id, route.version)), held)
        if route.action is Action.VERSIONS:
            return _revalidated(_tagged(self._answers.versions(route.prompt_id)), held)
        return _revalidated(_tagged(self._answers.prompt(route.prompt_id)), held)

    def _listed(self, view: View, held: tuple[str, ...]) -> Answer | Awaitable[Answer]:
        if self._list is not None and self._list[0] is view:
            return _revalidated(self._list[1], held)
        return self._list_beside(view, held)

    async def _list_beside(self, view: View, held: tuple[str, ...]) -> Answer:
        loop = asyncio.get_running_loop()
        tagged = await loop.run_in_executor(self._worker, lambda: _tagged(prompts_of(view)))
        self._list = (view, tagged)
        return _revalidated(tagged, held)


@cache
def _welcome() -> _Tagged:
    return _tagged(openapi.welcome())


@cache
def _openapi() -> _Tagged:
    body = _ENCODER.encode(openapi.document())
    return _Tagged(body, blake2b(body, digest_size=12).hexdigest())


_UNCHANGING: Final = {Action.ROOT: _welcome, Action.OPENAPI: _openapi}


def _rendered(encoded: bytes) -> Answer:
    return Answer(200, encoded, _JSON, _NO_STORE)


def _tagged(answer: msgspec.Struct) -> _Tagged:
    """Whatever differs is another answer, the age alone aside."""
    body = ageless = _ENCODER.encode(answer)
    if isinstance(answer, PromptDetail):
        ageless = _ENCODER.encode(msgspec.structs.replace(answer, age_seconds=0.0))
    return _Tagged(body, blake2b(ageless, digest_size=12).hexdigest())


def _revalidated(answer: _Tagged, held: tuple[str, ...]) -> Answer:
    """What the caller holds already is not sent again."""
    headers = (("cache-control", "no-cache"), ("etag", f'W/"{answer.tag}"'), *SAFE)
    if any(_names(value, answer.tag) for value in held):
        return Answer(304, headers=headers)
    return Answer(200, answer.body, _JSON, headers)


def _names(if_none_match: str, tag: str) -> bool:
    """Compare weakly, as If-None-Match is compared (RFC 9110, 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in named or f'"{tag}"' in named
