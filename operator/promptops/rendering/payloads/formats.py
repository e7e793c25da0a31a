"""Every format by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from promptops.rendering.names import shown
from promptops.rendering.payloads import anthropic, google, openai
from promptops.rendering.payloads.conversation import Conversation, Payload, unsupported

Form = Callable[[Conversation], Payload]

FORMATS: Final[Mapping[str, Form]] = {
    "openai": openai.chat_completions,
    "openai-responses": openai.responses,
    "anthropic": anthropic.messages,
    "azure": openai.chat_completions,
    "google": google.generate_content,
    "bedrock": anthropic.bedrock,
    **{name: partial(openai.compatible, form=name) for name in ("mistral", "ollama", "cohere", "huggingface", "local")},
}
"""Name → form. The last ones speak the chat completions of OpenAI."""


def provider_of(form: str | None) -> str | None:
    """Return whose form it is, for a caller who names no provider; None for no format."""
    return form and form.removesuffix("-responses")


def payload(form: str, conversation: Conversation) -> Payload:
    """Return the provider's own request. Raises InvalidInput for a format that is not known or cannot carry this."""
    made = FORMATS.get(form)
    if made is None:
        near = difflib.get_close_matches(form[:64], FORMATS, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise unsupported(f"{shown(form)} is not a format: {meant}there are {', '.join(FORMATS)}")
    return made(conversation)
