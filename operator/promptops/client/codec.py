"""Calls into requests and answers into values, the same for both clients. No network here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from promptops.api import reasons
from promptops.api.http import Health, PromptDetail, PromptList, RenderResponse
from promptops.client.errors import (
    NetworkError,
    PromptOpsError,
    TimeoutError,
    ValidationError,
    error_of,
    unexpected_answer,
)
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


def render_call(
    prompt_id: str, variables: Mapping[str, Any] | None, version: str | None, strict: bool
) -> Call[RenderResponse]:
    """Return the call that renders a prompt. Raises ValidationError when the variables cannot be sent as JSON."""
    request = {"variables": dict(variables or {}), "version": version, "strict": strict}
    try:
        # Not msgspec's encoder, which would turn bytes, dates and decimals into strings without a word.
        body = json.dumps(request, allow_nan=False, ensure_ascii=False).encode()
    except TypeError as error:
        raise _not_json(str(error)) from None
    except (ValueError, RecursionError) as error:
        # The message of such an error may hold the value.
        raise _not_json(type(error).__name__) from None
    return Call("POST", f"{_path(prompt_id)}/render", RenderResponse, body)


def _not_json(why: str) -> ValidationError:
    return ValidationError(f"the variables cannot be written as JSON: {why}", reasons.INVALID_REQUEST)


def prompt_call(prompt_id: str) -> Call[PromptDetail]:
    """Return the call that gets a prompt."""
    return Call("GET", _path(prompt_id), PromptDetail)


def list_call() -> Call[PromptList]:
    """Return the call that lists the prompts."""
    return Call("GET", "/v1/prompts", PromptList)


def health_call() -> Call[Health]:
    """Return the call that asks how the sidecar stands; unhealthy is an answer too."""
    return Call("GET", "/v1/health", Health, also_answers=frozenset({503}))


def read(call: Call[Answer], response: httpx.Response) -> Answer:
    """Return what the response says. Raises PromptOpsError."""
    if not response.is_success and response.status_code not in call.also_answers:
        raise error_of(response.status_code, response.content, response.headers.get("retry-after"))
    try:
        return msgspec.json.decode(response.content, type=call.answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise unexpected_answer() from None


def error_of_transport(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> PromptOpsError:
    """Return the error that a failure of the connection stands for."""
    if isinstance(error, httpx.TimeoutException):
        return TimeoutError(f"the sidecar at {url} did not answer in time")
    return NetworkError(f"the sidecar at {url} cannot be reached: {type(error).__name__}")


def _path(prompt_id: str) -> str:
    if not is_prompt_id(prompt_id):
        # Not left to the sidecar: on the way there a path of dots becomes another path.
        raise ValidationError(f"this is not the id of a prompt: {PROMPT_ID_RULE}", reasons.INVALID_REQUEST)
    return f"/v1/prompts/{quote(prompt_id, safe='')}"
