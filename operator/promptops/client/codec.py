"""Calls into questions and answers into values, the same for both clients. No network here."""

import builtins
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from promptops.api import reasons, wire
from promptops.api.content import Content
from promptops.api.http import (
    MAX_BATCH_ITEMS,
    BatchResponse,
    BatchResult,
    Health,
    PromptDetail,
    PromptList,
    PromptSummary,
    RenderResponse,
    VersionDetail,
)
from promptops.api.observed import FeedbackAnswer
from promptops.client.errors import (
    NetworkError,
    PromptOpsError,
    TimeoutError,
    ValidationError,
    error_of,
    error_of_problem,
    unexpected_answer,
)
from promptops.client.exchange import NoAnswer, NotTheAnswer, Question, Response, question
from promptops.client.place import Place
from promptops.client.vocabulary import ModelCompatibility, PromptValidation, RenderItem
from promptops.rendering.models import variant_for
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
    prompt_id: str = ""
    """What is rendered, of a render."""
    is_hot: bool = False
    """Made for every request that the application itself answers."""

    def question(self, place: Place, token: str | None = None) -> Question:
        """Return the call as bytes, under an id of its own."""
        return question(place.host, self.method, place.prefix + self.path, self.body, os.urandom(8).hex(), token)


@dataclass(frozen=True)
class ForModel:
    """Which model a render is for, and in whose form."""

    provider: str | None = None
    name: str | None = None
    format: str | None = None
    prefix_cache: bool = False
    session: str | None = None
    """Not a model: whom the render is for, which chooses among versions as a model does among variants."""

    def asked(self) -> dict[str, Any]:
        """Return what is said of it in a request; nothing of what nobody asked for. Raises ValidationError."""
        named = {
            "model_provider": self.provider,
            "model_name": self.name,
            "format": self.format,
            "session": self.session,
        }
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
    path = f"{_path(prompt_id)}/render"
    return Call(
        "POST",
        path,
        RenderResponse,
        _json(_request(variables, version, strict, model)),
        prompt_id=prompt_id,
        is_hot=True,
    )


def _request(variables: Any, version: Any, strict: bool, model: ForModel) -> dict[str, Any]:
    if not isinstance(variables, Mapping | None):
        raise _wrong(f"variables must be a mapping of names to values, not {type(variables).__name__}")
    if not isinstance(version, str | None):
        raise _wrong(f"version must be a string such as '1.0.0', not {type(version).__name__}")
    return {"variables": dict(variables or {}), "version": version, "strict": strict, **model.asked()}


def batch_call(items: Iterable[RenderItem]) -> Call[BatchResponse]:
    """Return the call that renders many. Raises ValidationError when one of them cannot be sent."""
    asked = []
    for item in items:
        if not isinstance(item, RenderItem):
            raise _wrong(f"an item must be a RenderItem, not {type(item).__name__}")
        _path(item.prompt_id)
        model = ForModel(item.model_provider, item.model_name, item.format, item.prefix_cache, item.session)
        asked.append({"prompt_id": item.prompt_id, **_request(item.variables, item.version, item.strict, model)})
    if len(asked) > MAX_BATCH_ITEMS:
        raise _wrong(f"a batch has at most {MAX_BATCH_ITEMS} items, not {len(asked)}")
    return Call("POST", "/v1/render/batch", BatchResponse, _json({"items": asked}))


def result_of(result: BatchResult) -> RenderResponse | PromptOpsError:
    """Return the answer to an item, or the error that it alone would have been raised with."""
    if result.answer is not None:
        return result.answer
    return error_of_problem(result.problem) if result.problem is not None else unexpected_answer()


def feedback_call(render_id: str, outcome: str, score: float | None) -> Call[FeedbackAnswer]:
    """Return the call that says what came of a render. Raises ValidationError."""
    said = {"render_id": render_id, "outcome": outcome, "score": score}
    return Call("POST", "/v1/feedback", FeedbackAnswer, _json(said))


def validation_of(outcome: RenderResponse | ValidationError) -> PromptValidation:
    """Return what a render that was tried says of its variables."""
    if isinstance(outcome, RenderResponse):
        return PromptValidation(True, warnings=outcome.warnings)
    return PromptValidation(False, outcome.validation_errors, str(outcome))


def compatibility_of(
    prompt: PromptDetail | VersionDetail, provider: str | None, name: str | None
) -> ModelCompatibility:
    """Return for which models a prompt says something of its own."""
    try:
        content = wire.read(json.dumps(prompt.content or {"text": ""}), Content)
    except wire.Unreadable:
        raise unexpected_answer() from None
    chosen = variant_for(content.models, provider, name)
    patterns = tuple(variant.match for variant in content.models)
    return ModelCompatibility(prompt.prompt_id, prompt.version, patterns, chosen.match if chosen else None)


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


def version_call(prompt_id: str, version: str) -> Call[VersionDetail]:
    """Return the call that gets a version by its number. Raises ValidationError."""
    if not isinstance(version, str) or not version.strip("."):
        raise _wrong("version must be a string such as '1.0.0'")
    return Call("GET", f"{_path(prompt_id)}/versions/{_quoted(version)}", VersionDetail)


def _quoted(part: str) -> str:
    try:
        return quote(part, safe="")
    except UnicodeEncodeError:
        raise _wrong(f"this is no part of a path: {ascii(part)[:80]}") from None


def list_call() -> Call[PromptList]:
    """Return the call that lists the prompts."""
    return Call("GET", "/v1/prompts", PromptList)


def page_of(prompts: tuple[PromptSummary, ...], skip: int, limit: int | None) -> tuple[PromptSummary, ...]:
    """Return so many prompts of a list after those that are skipped. Raises ValidationError."""
    for name, value in (("skip", skip), ("limit", limit)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise _wrong(f"{name} must be a whole number, 0 or more")
    return prompts[skip:] if limit is None else prompts[skip : skip + limit]


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
