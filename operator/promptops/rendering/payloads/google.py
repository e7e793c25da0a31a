"""Google's generateContent. The model stands in the URL, instructions beside the contents.

Fields: https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from typing import Any, Final

from promptops.rendering.payloads.conversation import (
    LEADING_ROLES,
    Conversation,
    Payload,
    ResponseFormat,
    Tool,
    refuse_tool_messages,
    unsupported,
    with_extra,
    without_absent,
)

_ROLES: Final = {"user": "user", "assistant": "model"}


def generate_content(conversation: Conversation) -> Payload:
    """Return the body of POST models/{model}:generateContent. Raises InvalidInput for what it cannot carry."""
    refuse_tool_messages(conversation.messages, "google")
    instructions = [each.content for each in conversation.messages if each.role in LEADING_ROLES]
    spoken = [each for each in conversation.messages if each.role not in LEADING_ROLES]
    if not spoken:
        raise unsupported("format=google needs a message of the role user: the version has instructions alone")
    declared = [_declaration(tool) for tool in conversation.tools]
    body = {
        "contents": [{"role": _ROLES[each.role], "parts": [{"text": each.content}]} for each in spoken],
        "systemInstruction": {"parts": [{"text": text} for text in instructions]} if instructions else None,
        "generationConfig": _configuration(conversation) or None,
        "tools": [{"functionDeclarations": declared}] if declared else None,
    }
    return Payload(without_absent(body))


def _configuration(conversation: Conversation) -> dict[str, Any]:
    parameters = conversation.parameters
    configuration = {
        "temperature": parameters.get("temperature"),
        "topP": parameters.get("topP"),
        "maxOutputTokens": parameters.get("maxTokens"),
        "stopSequences": list(parameters["stop"]) if parameters.get("stop") is not None else None,
        "seed": parameters.get("seed"),
        **_answer(conversation.response_format),
    }
    return with_extra(without_absent(configuration), parameters)


def _answer(wanted: ResponseFormat | None) -> dict[str, Any]:
    if wanted is None or wanted.type == "text":
        return {}
    schema = wanted.schema if wanted.type == "json_schema" else None
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def _declaration(tool: Tool) -> dict[str, Any]:
    return without_absent({"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters})
