"""Anthropic's messages. Instructions stand beside the messages, and a cache breakpoint behind what never changes.

Fields: https://docs.anthropic.com/en/api/messages; breakpoints: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from promptops.api.http import Warning
from promptops.rendering.payloads.conversation import (
    LEADING_ROLES,
    Conversation,
    Payload,
    Spoken,
    Tool,
    left_out,
    refuse_tool_messages,
    unsupported,
    with_extra,
    without_absent,
)

_BREAKPOINT: Final = {"type": "ephemeral"}
BEDROCK_VERSION: Final = "bedrock-2023-05-31"
"""What the body of a Claude model on Bedrock says in the place of a model's name, which stands in the URL."""

Block = dict[str, Any]


def messages(conversation: Conversation, form: str = "anthropic") -> Payload:
    """Return the body of POST /v1/messages. Raises InvalidInput for what it cannot carry."""
    refuse_tool_messages(conversation.messages, form)
    parameters = conversation.parameters
    if parameters.get("maxTokens") is None:
        raise unsupported(
            f"format={form} must say how long an answer may be: declare parameters.maxTokens in the version"
        )
    instructions = [each for each in conversation.messages if each.role in LEADING_ROLES]
    spoken = [each for each in conversation.messages if each.role not in LEADING_ROLES]
    if not spoken:
        raise unsupported(f"format={form} needs a message of the role user: the version has instructions alone")
    system, turns = [_blocks(each) for each in instructions], [_blocks(each) for each in spoken]
    if conversation.cache_key is not None:
        reaches_turns = all(each.is_fixed for each in instructions)
        _set_breakpoint(_fixed_blocks(instructions, system) + (_fixed_blocks(spoken, turns) if reaches_turns else []))
    answer, warnings = _answer(conversation, form)
    body = {
        "model": conversation.model,
        "max_tokens": parameters["maxTokens"],
        "system": _instructions(system),
        "messages": [
            {"role": each.role, "content": _written(blocks)} for each, blocks in zip(spoken, turns, strict=True)
        ],
        "temperature": parameters.get("temperature"),
        "top_p": parameters.get("topP"),
        "stop_sequences": list(parameters["stop"]) if parameters.get("stop") is not None else None,
        "tools": [_tool(tool) for tool in conversation.tools] or None,
        "output_config": answer,
    }
    return Payload(with_extra(without_absent(body), parameters), warnings)


def bedrock(conversation: Conversation) -> Payload:
    """Return the body of InvokeModel for a Claude model. Raises InvalidInput for a model of another family."""
    if conversation.model is not None and "anthropic" not in conversation.model and "claude" not in conversation.model:
        raise unsupported(
            f"format=bedrock knows the form of Claude models; {conversation.model[:64]!r} has another: use its provider's format"
        )
    made = messages(conversation, "bedrock")
    body = {key: value for key, value in made.body.items() if key != "model"}
    return Payload({"anthropic_version": BEDROCK_VERSION, **body}, made.warnings)


def _blocks(message: Spoken) -> list[Block]:
    """Return the text, what never changes apart from the rest, so that a breakpoint can stand between the two."""
    if message.is_fixed or not message.fixed:
        return [{"type": "text", "text": message.content}]
    return [
        {"type": "text", "text": message.content[: message.fixed]},
        {"type": "text", "text": message.content[message.fixed :]},
    ]


def _fixed_blocks(messages: Sequence[Spoken], blocks: Sequence[list[Block]]) -> list[Block]:
    """Return the blocks before the first value."""
    fixed: list[Block] = []
    for message, written in zip(messages, blocks, strict=True):
        if message.fixed:
            fixed.append(written[0])
        if not message.is_fixed:
            break
    return fixed


def _set_breakpoint(fixed: list[Block]) -> None:
    """Mark the last block before the first value; the cache reads the instructions first, then the messages."""
    if fixed:
        fixed[-1]["cache_control"] = dict(_BREAKPOINT)


def _instructions(system: Sequence[list[Block]]) -> str | list[Block] | None:
    """Return the instructions: one text where they are one, a block for each where they are several."""
    if len(system) == 1:
        return _written(system[0])
    return [block for blocks in system for block in blocks] or None


def _written(blocks: list[Block]) -> str | list[Block]:
    """Return one message's blocks, as the text that they say when none of them is marked."""
    is_marked = any("cache_control" in block for block in blocks)
    return blocks if is_marked else "".join(block["text"] for block in blocks)


def _answer(conversation: Conversation, form: str) -> tuple[dict[str, Any] | None, tuple[Warning, ...]]:
    wanted = conversation.response_format
    missing = ["seed"] if conversation.parameters.get("seed") is not None else []
    if wanted is None or wanted.type == "text":
        return None, left_out(form, *missing)
    if wanted.type != "json_schema":
        return None, left_out(form, *missing, f"responseFormat {wanted.type}")
    return {"format": {"type": "json_schema", "schema": wanted.schema or {}}}, left_out(form, *missing)


def _tool(tool: Tool) -> dict[str, Any]:
    schema = tool.parameters or {"type": "object", "properties": {}}
    return without_absent({"name": tool.name, "description": tool.description, "input_schema": schema})
