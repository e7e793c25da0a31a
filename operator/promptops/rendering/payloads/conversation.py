"""What a payload is made of, and what becomes of it. Whatever a provider cannot be told is named, never dropped in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptops.api import reasons
from promptops.api.http import Warning
from promptops.rendering.errors import InvalidInput

LEADING_ROLES = frozenset({"system", "developer"})


@dataclass(frozen=True)
class Spoken:
    """One rendered message."""

    role: str
    content: str
    fixed: int = 0
    """How many characters at its beginning are the author's own text, equal in every render of this version."""

    @property
    def is_fixed(self) -> bool:
        """Whether no value stands in it."""
        return self.fixed == len(self.content)


@dataclass(frozen=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    """JSON Schema of its arguments."""


@dataclass(frozen=True)
class ResponseFormat:
    """What the model's answer has to be: `text`, `json_object`, or `json_schema` with a schema."""

    type: str
    name: str | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Conversation:
    """A rendered prompt, whoever it is for."""

    messages: Sequence[Spoken]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """As the author wrote them: temperature, topP, maxTokens, stop, seed, extra."""
    model: str | None = None
    """The model's name at its provider."""
    tools: Sequence[Tool] = ()
    response_format: ResponseFormat | None = None
    cache_key: str | None = None
    """Stable name of what never changes; None: nobody asked for prefix caching."""

    @property
    def fixed_messages(self) -> int:
        """How many messages at the beginning are equal in every render of this version."""
        return next((number for number, each in enumerate(self.messages) if not each.is_fixed), len(self.messages))


@dataclass(frozen=True)
class Payload:
    """The body of a request to a provider."""

    body: dict[str, Any]
    warnings: tuple[Warning, ...] = ()


def without_absent(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there: a provider reads an explicit null as a value."""
    return {key: value for key, value in values.items() if value is not None}


def with_extra(body: dict[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with the author's further parameters, which take no place that is taken."""
    extra = parameters.get("extra")
    return {**extra, **body} if isinstance(extra, Mapping) else body


def refuse_tool_messages(messages: Sequence[Spoken], form: str) -> None:
    """Raise InvalidInput for a message of the role `tool`: it answers a call whose id no prompt knows."""
    if any(each.role == "tool" for each in messages):
        raise unsupported(
            f"format={form} cannot carry a message of the role tool: it answers a call by its id, which the application "
            "adds; render without format and put the messages together there"
        )


def unsupported(message: str) -> InvalidInput:
    """Return the refusal of a payload that a provider could not read."""
    return InvalidInput(message, reasons.FORMAT_UNSUPPORTED)


def left_out(form: str, *names: str) -> tuple[Warning, ...]:
    """Return a warning for each parameter that the form has no field for."""
    return tuple(Warning(reasons.PARAMETER_LEFT_OUT, f"format={form} has no field for {name}") for name in names)
