"""OpenAI's two forms, chat completions and responses, and those who took over the first one.

Fields: https://platform.openai.com/docs/api-reference/chat/create and /responses/create.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from promptops.rendering.payloads.conversation import (
    Conversation,
    Payload,
    ResponseFormat,
    Tool,
    left_out,
    refuse_tool_messages,
    with_extra,
    without_absent,
)

_NO_ARGUMENTS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}


def chat_completions(conversation: Conversation) -> Payload:
    """Return the body of POST /v1/chat/completions of OpenAI itself. Raises InvalidInput for what it cannot carry."""
    return _chat(conversation, "openai", most_tokens="max_completion_tokens", seed="seed", keeps_prefixes=True)


def compatible(conversation: Conversation, form: str) -> Payload:
    """Return the body of chat completions as other servers took it over, before OpenAI renamed max_tokens."""
    seed = "random_seed" if form == "mistral" else "seed"
    return _chat(conversation, form, most_tokens="max_tokens", seed=seed, keeps_prefixes=False)


def responses(conversation: Conversation) -> Payload:
    """Return the body of POST /v1/responses. Raises InvalidInput for what it cannot carry."""
    refuse_tool_messages(conversation.messages, "openai-responses")
    parameters = conversation.parameters
    answer = conversation.response_format
    body = {
        "model": conversation.model,
        "input": [{"role": each.role, "content": each.content} for each in conversation.messages],
        "temperature": parameters.get("temperature"),
        "top_p": parameters.get("topP"),
        "max_output_tokens": parameters.get("maxTokens"),
        "text": {"format": _flat(answer)} if answer is not None else None,
        "tools": [_function(tool) | {"type": "function", "strict": False} for tool in conversation.tools] or None,
        "prompt_cache_key": conversation.cache_key,
    }
    missing = left_out("openai-responses", *(name for name in ("stop", "seed") if parameters.get(name) is not None))
    return Payload(with_extra(without_absent(body), parameters), missing)


def _chat(conversation: Conversation, form: str, *, most_tokens: str, seed: str, keeps_prefixes: bool) -> Payload:
    refuse_tool_messages(conversation.messages, form)
    parameters = conversation.parameters
    body = {
        "model": conversation.model,
        "messages": [{"role": each.role, "content": each.content} for each in conversation.messages],
        "temperature": parameters.get("temperature"),
        "top_p": parameters.get("topP"),
        most_tokens: parameters.get("maxTokens"),
        "stop": _list(parameters.get("stop")),
        seed: parameters.get("seed"),
        "response_format": _nested(conversation.response_format),
        "tools": [{"type": "function", "function": _function(tool)} for tool in conversation.tools] or None,
        "prompt_cache_key": conversation.cache_key if keeps_prefixes else None,
    }
    return Payload(with_extra(without_absent(body), parameters))


def _list(stop: Any) -> list[str] | None:
    return None if stop is None else list(stop)


def _function(tool: Tool) -> dict[str, Any]:
    described = {"name": tool.name, "description": tool.description, "parameters": tool.parameters or _NO_ARGUMENTS}
    return without_absent(described)


def _nested(answer: ResponseFormat | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    if answer.type != "json_schema":
        return {"type": answer.type}
    return {"type": "json_schema", "json_schema": {"name": answer.name or "answer", "schema": answer.schema or {}}}


def _flat(answer: ResponseFormat) -> dict[str, Any]:
    if answer.type != "json_schema":
        return {"type": answer.type}
    return {"type": "json_schema", "name": answer.name or "answer", "schema": answer.schema or {}}
