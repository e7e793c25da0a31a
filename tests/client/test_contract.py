"""Both clients against a real sidecar: every call, and every way in which one can end."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.client import (
    Health,
    PromptDetail,
    PromptNotFoundError,
    PromptOpsError,
    PromptSummary,
    RenderResponse,
    ServerError,
    ValidationError,
)
from tests.client.conftest import Ask


def test_render_prompt(ask: Ask) -> None:
    answer = ask("render_prompt", "greeting", variables={"name": "Ada"})

    assert isinstance(answer, RenderResponse)
    assert answer.rendered_content == "Hello Ada"
    assert answer.messages == ({"role": "user", "content": "Hello Ada"},)
    assert (answer.prompt_id, answer.version, answer.source) == ("greeting", "1.0.0", "directory")
    assert answer.variables_used == ("name",)


def test_render_a_version(ask: Ask) -> None:
    assert ask("render_prompt", "two").rendered_content == "one"
    assert ask("render_prompt", "two", version="1.1.0").rendered_content == "two"


def test_render_in_a_providers_form(ask: Ask) -> None:
    answer = ask("render_prompt", "greeting", {"name": "Ada"}, model_name="gpt-9", format="openai")

    assert answer.payload == {"model": "gpt-9", "messages": [{"role": "user", "content": "Hello Ada"}]}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param({"format": "opena"}, "did you mean openai", id="a form that is none"),
        pytest.param({"format": 7}, "format must be a string", id="a form of another type"),
        pytest.param({"model_name": ["gpt"]}, "model_name must be a string", id="a model of another type"),
    ],
)
def test_a_form_that_cannot_be_had_is_the_callers_error(ask: Ask, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ask("render_prompt", "greeting", {"name": "Ada"}, **asked)


@pytest.mark.parametrize("prompt_id", ["team/slash.v1", "slash"])
def test_an_id_with_a_slash(ask: Ask, prompt_id: str) -> None:
    assert ask("render_prompt", prompt_id).rendered_content == "x"
    assert ask("get_prompt", prompt_id).name == "slash"


def test_an_id_that_ends_like_a_route(ask: Ask) -> None:
    assert ask("render_prompt", "team/render").rendered_content == "ends in a route"
    assert ask("get_prompt", "team/render").name == "route"


def test_a_variable_may_have_any_name(ask: Ask) -> None:
    assert ask("render_prompt", "typed", variables={"self": "me", "count": 3}).rendered_content == "3 me"


def test_get_prompt(ask: Ask) -> None:
    prompt = ask("get_prompt", "greeting")

    assert isinstance(prompt, PromptDetail)
    assert (prompt.name, prompt.version, prompt.state) == ("greeting", "1.0.0", "active")
    assert prompt.content is not None
    assert prompt.content["text"] == "Hello {{ name }}"


def test_list_prompts(ask: Ask) -> None:
    prompts = ask("list_prompts")

    assert all(isinstance(prompt, PromptSummary) for prompt in prompts)
    assert [prompt.name for prompt in prompts] == ["anything", "greeting", "off", "route", "slash", "two", "typed"]


def test_health_check(ask: Ask) -> None:
    health = ask("health_check")

    assert health == Health("healthy", {"directory": "ok"}, prompts=7, position=health.position, stale=False)
    assert health.position.endswith(".0.1")


def test_warnings_are_handed_on(ask: Ask) -> None:
    (warning,) = ask("render_prompt", "greeting", variables={"name": "Ada", "other": 1}).warnings

    assert (warning.code, warning.variable) == ("UnknownVariable", "other")


def test_an_unknown_prompt(ask: Ask) -> None:
    with pytest.raises(PromptNotFoundError) as caught:
        ask("render_prompt", "greting")

    assert caught.value.error_code == "PromptNotFound"
    assert caught.value.suggested_prompts == ("greeting",)
    assert caught.value.retryable is False


def test_an_unknown_version(ask: Ask) -> None:
    with pytest.raises(PromptNotFoundError) as caught:
        ask("render_prompt", "two", version="9.9.9")

    assert caught.value.error_code == "VersionNotFound"


def test_wrong_variables(ask: Ask) -> None:
    with pytest.raises(ValidationError) as caught:
        ask("render_prompt", "typed", variables={"count": "1"})

    assert caught.value.error_code == "InvalidVariables"
    assert [(error.variable, error.code) for error in caught.value.validation_errors] == [
        ("count", "WrongType"),
        ("self", "Missing"),
    ]


def test_strict(ask: Ask) -> None:
    with pytest.raises(ValidationError) as caught:
        ask("render_prompt", "greeting", variables={"name": "Ada", "other": 1}, strict=True)

    assert caught.value.validation_errors[0].code == "UnknownVariable"


@pytest.mark.parametrize("prompt_id", ["", "..", "../greeting", "a b", "greeting\n", "ä"])
def test_an_impossible_id(ask: Ask, prompt_id: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ask("render_prompt", prompt_id)

    assert caught.value.error_code == "InvalidRequest"
    assert caught.value.validation_errors == ()


def test_a_disabled_prompt(ask: Ask) -> None:
    with pytest.raises(ServerError) as caught:
        ask("render_prompt", "off")

    assert caught.value.error_code == "PromptDisabled"
    assert caught.value.details["status"] == 409


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"bytes", id="bytes"),
        pytest.param({1, 2}, id="a set"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param("\ud800", id="half of a surrogate pair"),
        pytest.param(1 + 2j, id="a complex number"),
    ],
)
def test_a_value_that_is_no_json_is_not_sent(ask: Ask, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        ask("render_prompt", "greeting", variables={"name": value})

    assert "the variables cannot be written as JSON" in str(caught.value)


def test_every_error_is_of_one_family(ask: Ask) -> None:
    with pytest.raises(PromptOpsError) as caught:
        ask("render_prompt", "greeting", variables={"name": "x" * 2_000_000})

    assert caught.value.error_code == "RequestTooLarge"
