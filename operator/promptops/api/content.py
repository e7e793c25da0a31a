"""The content of a version as every consumer decodes it from a blob: typed, immutable, light (no pydantic)."""

from typing import Any, Literal

import msgspec

VariableType = Literal["string", "integer", "number", "boolean"]
Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One message of a chat prompt."""

    role: Role
    content: str


class Variable(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A declared variable. It is required unless it has a default or is optional."""

    name: str
    type: VariableType
    description: str | None = None
    default: Any = msgspec.UNSET
    optional: bool = False
    enum: tuple[str, ...] | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None

    @property
    def required(self) -> bool:
        """Whether a caller must give a value."""
        return self.default is msgspec.UNSET and not self.optional


class Parameters(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Model parameters, handed back to the caller as they are written."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    extra: Any = msgspec.UNSET


class Content(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Text or messages, exactly one of them, with the variables they use."""

    text: str | None = None
    messages: tuple[Message, ...] | None = None
    variables: tuple[Variable, ...] = ()
    parameters: Parameters | None = None
