"""A payload is what the vendor's own SDK sends when it is handed over: nothing is added, lost or renamed on the way."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from google import genai

from promptops.api import reasons
from promptops.rendering.errors import InvalidInput
from promptops.rendering.payloads.conversation import Conversation, ResponseFormat, Spoken, Tool
from promptops.rendering.payloads.formats import FORMATS, payload
from tests.rendering.payloads.vendor import listening

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "Say what the weather is", SCHEMA)
PLAIN = Conversation((Spoken("user", "Hello Ada"),), {"maxTokens": 64}, "model-1")
RULES = "You answer briefly."
WHOLE = Conversation(
    (
        Spoken("system", RULES, len(RULES)),
        Spoken("user", "Hello"),
        Spoken("assistant", "Hello. What is it?"),
        Spoken("user", "The weather in 東京 🌦"),
    ),
    {"temperature": 0.2, "topP": 0.9, "maxTokens": 256, "stop": ("END",), "extra": {"user": "someone"}},
    "model-1",
    (WEATHER, Tool("now")),
    ResponseFormat("json_schema", "city", SCHEMA),
)
TEXT_ANSWER = dataclasses.replace(WHOLE, response_format=ResponseFormat("text"), tools=())


def _call(method: Callable[..., Any], body: dict[str, Any]) -> None:
    """Hand a body to an SDK as its users do: what the SDK knows by name, the rest as extra_body."""
    known = inspect.signature(method).parameters.keys()
    extra = {key: value for key, value in body.items() if key not in known}
    method(**{key: value for key, value in body.items() if key in known}, **({"extra_body": extra} if extra else {}))


CHAT_ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
RESPONSE_ANSWER = {
    "id": "1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "output": [],
    "parallel_tool_calls": False,
    "tool_choice": "auto",
    "tools": [],
}
MESSAGE_ANSWER: dict[str, Any] = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "content": [],
    "model": "m",
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
CONVERSATIONS = pytest.mark.parametrize(
    "conversation",
    [
        pytest.param(PLAIN, id="one message"),
        pytest.param(WHOLE, id="everything"),
        pytest.param(TEXT_ANSWER, id="a text as answer"),
        pytest.param(dataclasses.replace(WHOLE, cache_key="greeting@sha256:0"), id="with a prefix to cache"),
    ],
)


@CONVERSATIONS
@pytest.mark.parametrize("form", ["openai", "azure", "mistral", "ollama", "cohere", "huggingface", "local"])
def test_chat_completions_through_openais_sdk(conversation: Conversation, form: str) -> None:
    body = payload(form, conversation).body
    with listening(CHAT_ANSWER) as vendor:
        client = openai.OpenAI(base_url=f"{vendor.url}/v1", api_key="none", max_retries=0)
        _call(client.chat.completions.create, body)

    assert (vendor.path, vendor.body) == ("/v1/chat/completions", body)


@CONVERSATIONS
def test_responses_through_openais_sdk(conversation: Conversation) -> None:
    body = payload("openai-responses", conversation).body
    with listening(RESPONSE_ANSWER) as vendor:
        client = openai.OpenAI(base_url=f"{vendor.url}/v1", api_key="none", max_retries=0)
        _call(client.responses.create, body)

    assert (vendor.path, vendor.body) == ("/v1/responses", body)


@CONVERSATIONS
def test_messages_through_anthropics_sdk(conversation: Conversation) -> None:
    body = payload("anthropic", conversation).body
    with listening(MESSAGE_ANSWER) as vendor:
        client = anthropic.Anthropic(base_url=vendor.url, api_key="none", max_retries=0)
        _call(client.messages.create, body)

    assert (vendor.path, vendor.body) == ("/v1/messages", body)


@CONVERSATIONS
def test_generate_content_through_googles_sdk(conversation: Conversation) -> None:
    conversation = dataclasses.replace(conversation, parameters={**conversation.parameters, "extra": {"topK": 3}})
    body = payload("google", conversation).body
    # Google's SDK takes apart what stands in one configuration here.
    configuration: Any = {
        **body.get("generationConfig", {}),
        **{key: body[key] for key in ("systemInstruction", "tools") if key in body},
    }
    with listening({"candidates": []}) as vendor:
        client = genai.Client(api_key="none", http_options={"base_url": vendor.url})
        client.models.generate_content(model="model-1", contents=body["contents"], config=configuration)

    sent = vendor.body
    # An instruction is nobody's turn; the SDK names one all the same, as the API allows.
    sent.get("systemInstruction", {}).pop("role", None)
    for declaration in (each for tool in sent.get("tools", ()) for each in tool["functionDeclarations"]):
        # Both spellings of a field are the API's; the SDK writes this one in the other.
        if "parameters_json_schema" in declaration:
            declaration["parametersJsonSchema"] = declaration.pop("parameters_json_schema")
    assert (vendor.path, sent) == ("/v1/models/model-1:generateContent", body)


def test_a_prefix_is_cut_where_the_first_value_stands() -> None:
    messages = (Spoken("system", "Be brief. Today is Monday.", len("Be brief. Today is ")), Spoken("user", "Hello", 5))

    body = payload("anthropic", dataclasses.replace(PLAIN, messages=messages, cache_key="k")).body

    assert body["system"] == [
        {"type": "text", "text": "Be brief. Today is ", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Monday."},
    ]
    assert body["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_prefix_reaches_into_the_messages_when_the_instructions_never_change() -> None:
    messages = (Spoken("system", "Be brief.", 9), Spoken("user", "An example", 10), Spoken("user", "Ada: hello", 0))

    body = payload("anthropic", dataclasses.replace(PLAIN, messages=messages, cache_key="k")).body

    marked = [{"type": "text", "text": "An example", "cache_control": {"type": "ephemeral"}}]
    assert body["system"] == "Be brief."
    assert [message["content"] for message in body["messages"]] == [marked, "Ada: hello"]


def test_nobody_who_did_not_ask_gets_a_breakpoint_or_a_key() -> None:
    assert "cache_control" not in str(payload("anthropic", WHOLE).body)
    assert "prompt_cache_key" not in payload("openai", WHOLE).body


@pytest.mark.parametrize(
    ("form", "parameters", "left_out"),
    [
        pytest.param("anthropic", {"seed": 1}, ["seed"], id="anthropic has no seed"),
        pytest.param("openai-responses", {"seed": 1, "stop": ("a",)}, ["stop", "seed"], id="responses have neither"),
        pytest.param("openai", {"seed": 1, "stop": ("a",)}, [], id="chat completions have both"),
        pytest.param("google", {"seed": 1, "stop": ("a",)}, [], id="google has both"),
    ],
)
def test_what_a_form_has_no_field_for_is_named(form: str, parameters: dict[str, Any], left_out: list[str]) -> None:
    made = payload(form, dataclasses.replace(PLAIN, parameters={"maxTokens": 9, **parameters}))

    assert [warning.detail.rpartition(" ")[2] for warning in made.warnings] == left_out
    assert {warning.code for warning in made.warnings} <= {reasons.PARAMETER_LEFT_OUT}


@pytest.mark.parametrize(
    ("form", "conversation", "says"),
    [
        pytest.param("anthropic", dataclasses.replace(PLAIN, parameters={}), "parameters.maxTokens", id="no length"),
        pytest.param("bedrock", dataclasses.replace(PLAIN, model="meta.llama3"), "Claude", id="another family"),
        pytest.param("antropic", PLAIN, "did you mean anthropic", id="misspelt"),
        pytest.param("\u202eevil" * 90, PLAIN, "is not a format", id="hostile"),
        *(
            pytest.param(
                form,
                dataclasses.replace(PLAIN, messages=(Spoken("tool", "42"),), model="claude-x"),
                "role tool",
                id=form,
            )
            for form in FORMATS
        ),
        *(
            pytest.param(
                form,
                dataclasses.replace(PLAIN, messages=(Spoken("system", "x"),), model="claude-x"),
                "role user",
                id=f"{form}, alone",
            )
            for form in ("anthropic", "google", "bedrock")
        ),
    ],
)
def test_what_a_provider_could_not_read_is_refused(form: str, conversation: Conversation, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        payload(form, conversation)

    assert refused.value.reason == reasons.FORMAT_UNSUPPORTED


def test_further_parameters_take_no_place_that_is_taken() -> None:
    extra = {"model": "mine", "messages": [], "logprobs": True}

    body = payload("openai", dataclasses.replace(PLAIN, parameters={"extra": extra})).body

    assert (body["model"], len(body["messages"]), body["logprobs"]) == ("model-1", 1, True)


def test_bedrock_has_the_model_in_its_url() -> None:
    body = payload("bedrock", dataclasses.replace(PLAIN, model="anthropic.claude-x")).body

    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert "model" not in body
