"""Calls into questions and answers into values, the same for both clients. No network here."""

import builtins
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from promptops.api import reasons, wire
from promptops.api.http import Health, PromptDetail, PromptList, RenderResponse
from promptops.client.errors import (
    NetworkError,
    PromptOpsError,
    TimeoutError,
    ValidationError,
    error_of,
    unexpected_answer,
)
from promptops.client.exchange import NoAnswer, NotTheAnswer, Question, Response, question
from promptops.client.place import Place
from promptops.rendering.selection import PROMPT_ID_RULE, is_prompt_id

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One request, and what its answer is."""

    method: str
    path: str
    answer: type[Answer]
    body: bytes | None = None
    also_answers: frozenset[int] = frozenset()
    """Statuses beside 2xx with which the same answer comes."""
    is_hot: bool = False
    """Made for every request that the application itself answers."""

    def question(self, place: Place) -> Question:
        """Return the call as bytes, under an id of its own."""
        return question(place.host, self.method, place.prefix + self.path, self.body, secrets.token_hex(8))


@dataclass(frozen=True)
class ForModel:
    """Which model a render is for, and in whose form."""

    provider: str | None = None
    name: str | None = None
    format: str | None = None
    prefix_cache: bool = False

    def asked(self) -> dict[str, Any]:
        """Return what is said of it in a request; nothing of what nobody asked for. Raises ValidationError."""
        named = {"model_provider": self.provider, "model_name": self.name, "format": self.format}
        for field, value in named.items():
            if not isinstance(value, str | None):
                raise _wrong(f"{field} must be a string, not {type(value).__name__}")
        return {key: value for key, value in {**named, "prefix_cache": self.prefix_cache}.items() if value}


ANY_MODEL: Final = ForModel()


def render_call(
    prompt_id: str,
    variables: Mapping[str, Any] | None,
    version: str | None,
    strict: bool,
    model: ForModel = ANY_MODEL,
) -> Call[RenderResponse]:
    """Return the call that renders a prompt. Raises ValidationError when it cannot be sent as JSON."""
    if not isinstance(variables, Mapping | None):
        raise _wrong(f"variables must be a mapping of names to values, not {type(variables).__name__}")
    if not isinstance(version, str | None):
        raise _wrong(f"version must be a string such as '1.0.0', not {type(version).__name__}")
    path = f"{_path(prompt_id)}/render"
    request = {"variables": dict(variables or {}), "version": version, "strict": strict, **model.asked()}
    return Call("POST", path, RenderResponse, _json(request), is_hot=True)


def _json(request: dict[str, Any]) -> bytes:
    try:
        # Not msgspec's encoder, which would turn bytes, dates and decimals into strings without a word.
        body = json.dumps(request, allow_nan=False, ensure_ascii=False).encode()
    except TypeError as error:
        raise _not_json(str(error)) from None
    except (ValueError, RecursionError) as error:
        # The message of such an error may hold the value.
        raise _not_json(type(error).__name__) from None
    if (key := _first_odd_key(request)) is not None:
        raise _not_json(f"a key is of type {key.__name__}, and only strings can be keys")
    return body


def _first_odd_key(request: dict[str, Any]) -> type | None:
    """The encoder would write the key 1 as "1" without a word. It has been there before: nothing goes in circles."""
    within: list[Any] = [request]
    while within:
        part = within.pop()
        if isinstance(part, dict):
            for key in part:
                if not isinstance(key, str):
                    return type(key)
            within.extend(part.values())
        elif isinstance(part, list | tuple):
            within.extend(part)
    return None


def _not_json(why: str) -> ValidationError:
    return _wrong(f"the variables cannot be written as JSON: {why}")


def _wrong(why: str) -> ValidationError:
    return ValidationError(why, reasons.INVALID_REQUEST)


def prompt_call(prompt_id: str) -> Call[PromptDetail]:
    """Return the call that gets a prompt."""
    return Call("GET", _path(prompt_id), PromptDetail)


def list_call() -> Call[PromptList]:
    """Return the call that lists the prompts."""
    return Call("GET", "/v1/prompts", PromptList)


def health_call() -> Call[Health]:
    """Return the call that asks how the sidecar stands; unhealthy is an answer too."""
    return Call("GET", "/v1/health", Health, also_answers=frozenset({503}))


def read(call: Call[Answer], response: Response) -> Answer:
    """Return what the response says. Raises PromptOpsError."""
    if not 200 <= response.status < 300 and response.status not in call.also_answers:
        raise error_of(response.status, response.body, response.retry_after)
    try:
        return wire.read(response.body, call.answer)
    except wire.Unreadable:
        raise unexpected_answer() from None


FAILURES: Final = (OSError, NoAnswer, NotTheAnswer)
"""What asking for an answer ends with when none comes."""


def error_of_failure(failure: OSError | NoAnswer | NotTheAnswer, place: Place) -> PromptOpsError:
    """Return the error that one of FAILURES stands for."""
    if isinstance(failure, builtins.TimeoutError):
        return TimeoutError(f"the sidecar at {place.name} did not answer in time")
    if isinstance(failure, OSError):
        return place.unreachable(failure)
    if isinstance(failure, NoAnswer):
        return NetworkError(f"the sidecar at {place.name} closed the connection without an answer")
    return unexpected_answer()


def _path(prompt_id: str) -> str:
    if not isinstance(prompt_id, str) or not is_prompt_id(prompt_id):
        # Not left to the sidecar: on the way there a path of dots becomes another path.
        raise _wrong(f"this is not the id of a prompt: {PROMPT_ID_RULE}")
    return f"/v1/prompts/{quote(prompt_id, safe='')}"
