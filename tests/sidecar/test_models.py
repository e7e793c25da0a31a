"""A caller names a model and a form, and gets that provider's own request."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Literal

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.content import CANONICAL_FORM
from promptops.api.feed import Entry, VersionReference
from promptops.cache.index import digest_of
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.answers import Answers
from promptops.rendering.errors import InvalidInput, InvalidVariables
from tests.support.answering import counting

CONTENT = {
    "messages": [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "{{ question }}"}],
    "variables": [{"name": "question", "type": "string"}],
    "parameters": {"maxTokens": 50, "seed": 7},
    "responseFormat": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}},
    "tools": [{"name": "look_up", "parameters": {"type": "object"}}],
    "models": [{"match": "anthropic/*", "parameters": {"maxTokens": 99}}],
}


@pytest.fixture
def answers() -> Answers:
    """A sidecar's answers from one prompt that is held."""
    blob = CANONICAL_FORM + msgspec.json.encode(CONTENT)
    reference = VersionReference("1.0.0", digest_of(blob))
    entry = Entry("help", "uid", 1, "active", stable=reference)
    store = Store()
    store.swap(View.unsigned([entry], {reference.digest: blob}, 1, namespace="team", tenant="team"))
    return Answers(store, counting(), time.monotonic)


def rendered(answers: Answers, **request: Any) -> Any:
    return answers.render("help", msgspec.json.encode({"variables": {"question": "Why?"}, **request}))


def test_without_a_form_there_is_no_payload(answers: Answers) -> None:
    answer = rendered(answers)

    assert (answer.payload, answer.fixed_characters, answer.model_variant) == (None, None, None)


def test_a_form_is_the_providers_own_request(answers: Answers) -> None:
    answer = rendered(answers, format="openai", model_name="gpt-9")

    assert answer.payload == {
        "model": "gpt-9",
        "messages": [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "Why?"}],
        "max_completion_tokens": 50,
        "seed": 7,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}],
    }


def test_the_variant_of_the_model_is_what_is_sent(answers: Answers) -> None:
    answer = rendered(answers, format="anthropic", model_name="claude-9", prefix_cache=True)

    assert answer.model_variant == "anthropic/*"
    assert answer.payload["max_tokens"] == 99
    assert answer.payload["system"] == [
        {"type": "text", "text": "Answer briefly.", "cache_control": {"type": "ephemeral"}}
    ]
    assert answer.fixed_characters == (15, 0)
    assert [warning.code for warning in answer.warnings] == [reasons.PARAMETER_LEFT_OUT]


def test_a_prefix_has_the_same_key_whatever_the_values(answers: Answers) -> None:
    keys = {
        rendered(answers, variables={"question": text}, format="openai", prefix_cache=True).payload["prompt_cache_key"]
        for text in ("Why?", "When?")
    }

    assert len(keys) == 1


def test_a_form_that_is_none_is_the_callers_error(answers: Answers) -> None:
    with pytest.raises(InvalidInput, match="did you mean openai") as refused:
        rendered(answers, format="opena")

    assert refused.value.reason == reasons.FORMAT_UNSUPPORTED


FILLED = {"text": "{{ brand }}: {{ question }}", "variables": [{"name": "brand", "type": "string", "fromValues": True}, {"name": "question", "type": "string"}]}  # fmt: skip


def answering(
    content: Any,
    values: str = "",
    bound: int = 0,
    source: Literal["live", "snapshot", "directory"] = "directory",
    age: float = 0.0,
) -> Answers:
    """A sidecar's answers from one prompt whose entry says this."""
    blob = CANONICAL_FORM + msgspec.json.encode(content)
    reference = VersionReference("1.0.0", digest_of(blob))
    entry = Entry("help", "uid", 1, "active", stable=reference, values=values, max_staleness_s=bound)
    store = Store()
    view = View.unsigned([entry], {reference.digest: blob}, 1, namespace="team", tenant="team")
    store.swap(dataclasses.replace(view, source=source))
    store.confirmed_at = 1000.0
    return Answers(store, counting(), lambda: 1000.0 + age)


def filled(values: str) -> Answers:
    """A sidecar's answers from one prompt whose entry has values."""
    return answering(FILLED, values)


def test_values_fill_what_the_caller_does_not_give_and_their_digest_is_said() -> None:
    values = '{"variables":{"brand":"{{ question }}"}}'
    answers = filled(values)

    answer, given = rendered(answers), rendered(answers, variables={"brand": "Mine", "question": "Why?"})

    assert (answer.rendered_content, given.rendered_content) == ("{{ question }}: Why?", "Mine: Why?")
    assert answer.values_digest == given.values_digest == digest_of(values.encode())


def test_without_values_the_caller_is_told_what_is_missing() -> None:
    with pytest.raises(InvalidVariables, match="brand is missing: no values fill it"):
        rendered(filled(""))


@pytest.mark.parametrize(
    ("defaults", "model", "parameters"),
    [
        pytest.param({"temperature": 0.3}, None, {"maxTokens": 50, "seed": 7, "temperature": 0.3}, id="below what the version sets"),
        pytest.param({"maxTokens": 1, "seed": 1}, None, {"maxTokens": 50, "seed": 7}, id="never above it"),
        pytest.param({"maxTokens": 1, "topP": 0.5}, "anthropic", {"maxTokens": 99, "seed": 7, "topP": 0.5}, id="below a variant, too"),
        pytest.param({"extra": {"user": "team"}}, None, {"maxTokens": 50, "seed": 7, "extra": {"user": "team"}}, id="what is free"),
    ],
)  # fmt: skip
def test_the_tenants_parameters_stand_below_the_versions_own(
    defaults: dict[str, Any], model: str | None, parameters: dict[str, Any]
) -> None:
    values = msgspec.json.encode({"parameters": defaults}).decode()
    request = {"model_provider": model} if model else {}

    answer = rendered(answering(CONTENT, values=values), **request)

    assert answer.parameters == parameters
    assert answer.values_digest == digest_of(values.encode())


def test_a_providers_payload_carries_the_tenants_parameters() -> None:
    answer = rendered(answering(CONTENT, values='{"parameters":{"temperature":0.3}}'), format="openai", model_name="m")

    assert answer.payload["temperature"] == 0.3


@pytest.mark.parametrize(
    ("bound", "age", "source", "code"),
    [
        pytest.param(0, 1e6, "live", None, id="no bound"),
        pytest.param(60, 59.0, "live", None, id="young enough"),
        pytest.param(60, 61.0, "live", "TooStale", id="too old"),
        pytest.param(60, 61.0, "snapshot", "TooStale", id="too old, from disk"),
        pytest.param(60, 61.0, "directory", None, id="a directory is its own origin"),
    ],
)
def test_what_was_not_confirmed_for_longer_than_the_prompt_allows_is_not_rendered(
    bound: int, age: float, source: Any, code: str | None
) -> None:
    answers = answering(CONTENT, bound=bound, source=source, age=age)

    outcome = answers.attempt("help", b'{"variables": {"question": "Why?"}}').outcome

    assert getattr(outcome, "reason", None) == code
