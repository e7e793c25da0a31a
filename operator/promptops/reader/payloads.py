"""A rendered prompt into the conversation that a provider's form is made of."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import msgspec

from promptops.api.http import RenderRequest
from promptops.rendering.execute.plan import Plan
from promptops.rendering.execute.rendered import Rendered
from promptops.rendering.payloads.conversation import Conversation, Payload, ResponseFormat, Spoken, Tool
from promptops.rendering.payloads.formats import payload

_DIGITS = 24
"""So many digits of a digest tell the prefixes of one account apart."""


def payload_of(
    plan: Plan, rendered: Rendered, request: RenderRequest, digest: str, parameters: Mapping[str, Any]
) -> Payload | None:
    """Return the request in the provider's form; None when nobody asked for one. Raises InvalidInput."""
    if request.format is None:
        return None
    content = plan.content
    fixed = zip_longest(rendered.messages, plan.fixed[: len(rendered.messages)], fillvalue=0)
    answer = content.response_format
    conversation = Conversation(
        messages=tuple(
            Spoken(said["role"], said["content"], length) for said, length in fixed if isinstance(said, dict)
        ),
        parameters=parameters,
        model=request.model_name,
        tools=tuple(Tool(tool.name, tool.description, _schema(tool.parameters)) for tool in content.tools),
        response_format=ResponseFormat(answer.type, answer.name, _schema(answer.schema))
        if answer is not None
        else None,
        cache_key=digest.removeprefix("sha256:")[:_DIGITS] if request.prefix_cache else None,
    )
    return payload(request.format, conversation)


def _schema(value: Any) -> Mapping[str, Any] | None:
    return value if value is not msgspec.UNSET and isinstance(value, Mapping) else None
