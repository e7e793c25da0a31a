"""The data listener's calls: guard, route, answer. Routing is ours, on the path as it was sent."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import msgspec

from promptops.api.http import MAX_REQUEST_BYTES, Health, PromptDetail
from promptops.reader.answers import Answers
from promptops.sidecar.guard import Guard
from promptops.sidecar.routes import Action, Route, route_of
from promptops.web.answers import SAFE, Answer, TakenRequest
from promptops.web.problems import refuse_query, wrong_method
from promptops.web.requests import Head

_ENCODER = msgspec.json.Encoder()
_JSON = "application/json"
_NO_STORE = (("cache-control", "no-store"), *SAFE)


class DataApp:
    """Renders, lists, versions, health."""

    def __init__(self, answers: Answers, health: Callable[[], Health], guard: Guard) -> None:
        self._answers = answers
        self._health = health
        self._guard = guard

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

    def _render(self, prompt_id: str, body: bytes) -> Answer:
        return Answer(200, _ENCODER.encode(self._answers.render(prompt_id, body)), _JSON, _NO_STORE)

    def _look_up(self, route: Route, head: Head) -> Answer:
        if route.action is Action.HEALTH:
            health = self._health()
            return Answer(503 if health.status == "unhealthy" else 200, _ENCODER.encode(health), _JSON, _NO_STORE)
        answer: Any
        if route.action is Action.PROMPTS:
            answer = self._answers.prompts()
        elif route.action is Action.VERSIONS:
            answer = self._answers.versions(route.prompt_id)
        else:
            answer = self._answers.prompt(route.prompt_id)
        return _revalidated(answer, head.all_of(b"if-none-match"))


def _revalidated(answer: msgspec.Struct, held: tuple[str, ...]) -> Answer:
    """What the caller holds already is not sent again. Whatever differs is another answer, the age alone aside."""
    body = _ENCODER.encode(answer)
    ageless = answer
    if isinstance(answer, PromptDetail):
        ageless = msgspec.structs.replace(answer, age_seconds=0.0)
    tag = blake2b(_ENCODER.encode(ageless), digest_size=12).hexdigest()
    headers = (("cache-control", "no-cache"), ("etag", f'W/"{tag}"'), *SAFE)
    if any(_names(value, tag) for value in held):
        return Answer(304, headers=headers)
    return Answer(200, body, _JSON, headers)


def _names(if_none_match: str, tag: str) -> bool:
    """Compare weakly, as If-None-Match is compared (RFC 9110, 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in named or f'"{tag}"' in named
