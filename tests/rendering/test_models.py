"""The first variant that a model matches answers for it; what no variant says stays the version's own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from promptops.rendering.errors import InvalidSpec
from promptops.rendering.execute.plan import Plan, plan

BASE = {
    "text": "Hello {{ name }}",
    "variables": [{"name": "name", "type": "string"}],
    "parameters": {"temperature": 0.5, "maxTokens": 100, "extra": {"a": 1, "b": 1}},
    "models": [
        {"match": "anthropic/claude-*", "text": "Hi {{ name }}", "parameters": {"maxTokens": 200, "extra": {"b": 2}}},
        {"match": "anthropic/*", "messages": [{"role": "user", "content": "Hey {{ name }}"}]},
        {"match": "*/small-?", "parameters": {"temperature": 0}},
    ],
}


def planned(**changes: Any) -> Plan:
    return plan(msgspec.json.encode({**BASE, **changes}))


@pytest.mark.parametrize(
    ("provider", "model", "says", "variant"),
    [
        pytest.param(None, None, "Hello Ada", None, id="no model"),
        pytest.param("openai", "gpt-9", "Hello Ada", None, id="a model that no variant names"),
        pytest.param("anthropic", "claude-9", "Hi Ada", "anthropic/claude-*", id="the first that matches"),
        pytest.param("anthropic", "other", "Hey Ada", "anthropic/*", id="messages in the place of a text"),
        pytest.param("anthropic", None, "Hey Ada", "anthropic/*", id="a provider alone"),
        pytest.param(None, "claude-9", "Hello Ada", None, id="a model without its provider"),
        pytest.param(None, "small-1", "Hello Ada", "*/small-?", id="a pattern that leaves the provider open"),
        pytest.param("openai", "small-1", "Hello Ada", "*/small-?", id="parameters alone"),
        pytest.param("Anthropic", "claude-9", "Hello Ada", None, id="case counts"),
        pytest.param("x" * 500, "*" * 500, "Hello Ada", None, id="hostile"),
    ],
)
def test_a_model_chooses_the_variant(provider: str | None, model: str | None, says: str, variant: str | None) -> None:
    chosen = planned().of_model(provider, model)

    assert (chosen.render({"name": "Ada"}).text, chosen.variant) == (says, variant)


def test_parameters_are_merged_field_by_field() -> None:
    chosen = planned().of_model("anthropic", "claude-9")

    assert chosen.parameters == {"temperature": 0.5, "maxTokens": 200, "extra": {"a": 1, "b": 2}}


def test_a_parameter_that_is_zero_differs_all_the_same() -> None:
    assert planned().of_model("openai", "small-1").parameters["temperature"] == 0


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param({"match": "a/*", "text": "{{ other }}"}, id="an undeclared variable"),
        pytest.param({"match": "a/*", "text": "{% if %}"}, id="a template that is none"),
        pytest.param({"match": "a/*", "text": "a", "messages": [{"role": "user", "content": "b"}]}, id="both"),
        pytest.param({"match": "a/*", "messages": [{"role": "user"}]}, id="a message that says nothing"),
    ],
)
def test_a_broken_variant_is_no_content(variant: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec):
        planned(models=[variant])


@pytest.mark.parametrize(
    ("content", "fixed"),
    [
        pytest.param({"text": "Hello {{ name }}!"}, (6,), id="up to the first value"),
        pytest.param({"text": "Hello"}, (5,), id="all of it"),
        pytest.param({"text": "{{ name }}"}, (0,), id="nothing"),
        pytest.param({"text": "Be {% if name %}kind{% endif %}"}, (3,), id="up to the first statement"),
        pytest.param(
            {
                "text": None,
                "messages": [
                    {"role": "system", "content": "Rules"},
                    {"placeholder": "past"},
                    {"role": "user", "content": "Bye"},
                ],
                "variables": [{"name": "past", "type": "list", "itemType": "message"}],
            },
            (5,),
            id="up to a history",
        ),
    ],
)
def test_what_never_changes_is_known(content: dict[str, Any], fixed: tuple[int, ...]) -> None:
    assert planned(**{"models": [], **content}).fixed == fixed
