"""What is held, read over HTTP: prompts, versions, what differs between two of them. Every answer has an ETag."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Final

import msgspec

from promptops.api import reasons
from promptops.api.http import PromptDetail, VersionDetail, VersionDiff
from promptops.cache.view import View
from promptops.reader.answers import Answers
from promptops.reader.descriptions import prompts_of
from promptops.rendering.errors import InvalidInput
from promptops.sidecar import openapi
from promptops.sidecar.renders import JSON
from promptops.sidecar.routes import Action, Route
from promptops.web.answers import SAFE, Answer
from promptops.web.problems import read_query, refuse_query
from promptops.web.requests import Head

_ENCODER = msgspec.json.Encoder()
_DIFF_QUERY: Final = frozenset({"from", "to"})


@dataclass(frozen=True)
class _Tagged:
    """A body and what it is known by."""

    body: bytes
    tag: str


class LookUps:
    """Answers every GET whose answer can be held."""

    def __init__(self, answers: Answers, worker: ThreadPoolExecutor) -> None:
        self._answers = answers
        self._worker = worker
        self._list: tuple[View, _Tagged] | None = None
        self._found: dict[Action, Callable[[Route], msgspec.Struct]] = {
            Action.PROMPT: lambda route: answers.prompt(route.prompt_id),
            Action.VERSIONS: lambda route: answers.versions(route.prompt_id),
            Action.VERSION: lambda route: answers.version(route.prompt_id, route.version),
        }

    def answer(self, route: Route, head: Head) -> Answer | Awaitable[Answer]:
        """Return the answer, or that the caller has it already. Raises PromptError."""
        held = head.all_of(b"if-none-match")
        if route.action is Action.DIFF:
            return self._differing(route.prompt_id, read_query(head.query, _DIFF_QUERY), held)
        refuse_query(head.query)
        if route.action in _UNCHANGING:
            return _revalidated(_UNCHANGING[route.action](), held)
        if route.action is Action.PROMPTS:
            return self._listed(self._answers.view(), held)
        return _revalidated(_tagged(self._found[route.action](route)), held)

    def _listed(self, view: View, held: tuple[str, ...]) -> Answer | Awaitable[Answer]:
        if self._list is not None and self._list[0] is view:
            return _revalidated(self._list[1], held)
        return self._list_beside(view, held)

    async def _list_beside(self, view: View, held: tuple[str, ...]) -> Answer:
        loop = asyncio.get_running_loop()
        tagged = await loop.run_in_executor(self._worker, lambda: _tagged(prompts_of(view)))
        self._list = (view, tagged)
        return _revalidated(tagged, held)

    async def _differing(self, prompt_id: str, asked: dict[str, str], held: tuple[str, ...]) -> Answer:
        if asked.keys() != _DIFF_QUERY:
            raise InvalidInput("say which versions to compare: ?from=1.0.0&to=1.1.0", reasons.INVALID_REQUEST)
        before = self._answers.version(prompt_id, asked["from"])
        after = self._answers.version(prompt_id, asked["to"])
        loop = asyncio.get_running_loop()
        tagged = await loop.run_in_executor(self._worker, lambda: _tagged(_difference(before, after)))
        return _revalidated(tagged, held)


@cache
def _welcome() -> _Tagged:
    return _tagged(openapi.welcome())


@cache
def _openapi() -> _Tagged:
    body = _ENCODER.encode(openapi.document())
    return _Tagged(body, blake2b(body, digest_size=12).hexdigest())


_UNCHANGING: Final = {Action.ROOT: _welcome, Action.OPENAPI: _openapi}


def _difference(before: VersionDetail, after: VersionDetail) -> VersionDiff:
    # Only who asks for it pays for it: comparing stands on the checks of manifests, which a sidecar of a feed does not load.
    from promptops.sidecar.differences import difference

    return difference(before, after)


def _tagged(answer: msgspec.Struct) -> _Tagged:
    """Whatever differs is another answer, the age alone aside."""
    body = ageless = _ENCODER.encode(answer)
    if isinstance(answer, PromptDetail):
        ageless = _ENCODER.encode(msgspec.structs.replace(answer, age_seconds=0.0))
    return _Tagged(body, blake2b(ageless, digest_size=12).hexdigest())


def _revalidated(answer: _Tagged, held: tuple[str, ...]) -> Answer:
    """What the caller holds already is not sent again."""
    headers = (("cache-control", "no-cache"), ("etag", f'W/"{answer.tag}"'), *SAFE)
    if any(names(value, answer.tag) for value in held):
        return Answer(304, headers=headers)
    return Answer(200, answer.body, JSON, headers)


def names(if_none_match: str, tag: str) -> bool:
    """Compare weakly, as If-None-Match is compared (RFC 9110, 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in named or f'"{tag}"' in named
