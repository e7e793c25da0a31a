"""The content of a version as every consumer decodes it from a blob: typed, immutable, light (no pydantic)."""

from typing import Any, Literal, get_args

import msgspec

from promptops.api.wire import Unreadable

CANONICAL_FORM = b"promptops/content/1\n"
"""Every blob begins with the name of the form in which the content behind it is written: RFC 8785 JSON of the resolved
content, no field of it left out or added. The digest is over all of the blob: another form is another digest, never a
content that changed."""


def json_of(blob: bytes) -> bytes:
    """Return the JSON text of a blob. Raises Unreadable for a form that is not known here."""
    if not blob.startswith(CANONICAL_FORM):
        raise Unreadable("is in a form that is not known here")
    return blob[len(CANONICAL_FORM) :]


VariableType = Literal["string", "integer", "number", "boolean", "list", "object"]
ItemType = Literal["string", "integer", "number", "boolean", "object", "message"]
Format = Literal["email", "uri", "date", "date-time", "uuid", "hostname", "language"]
Trust = Literal["untrusted", "trusted"]
UnicodePolicy = Literal["text", "raw"]
Role = Literal["system", "developer", "user", "assistant", "tool"]

TYPES: tuple[str, ...] = get_args(VariableType)
FORMATS: tuple[str, ...] = get_args(Format)
HISTORY_ROLES: tuple[Role, ...] = ("user", "assistant")
"""Who may speak in a caller's history unless the placeholder says otherwise."""


class Message(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """One message of a chat prompt, or the place of messages that the caller gives: exactly one of content and placeholder."""

    role: Role | None = None
    content: str | None = None
    placeholder: str | None = None
    """The variable, a list of messages, whose messages stand here."""
    roles: tuple[Role, ...] | None = None
    """Who may speak in them."""


class Field(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A declared value: what its type is and what bounds it keeps. For a list, the bounds but minItems and maxItems are its items'."""

    name: str
    type: VariableType
    description: str | None = None
    item_type: ItemType | None = None
    optional: bool = False
    enum: tuple[str, ...] | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_items: int | None = None
    max_items: int | None = None
    format: Format | None = None

    @property
    def fields(self) -> tuple["Field", ...] | None:
        """The fields of the object, or of the list's objects; None when they may have any."""
        return None


class Variable(Field, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A declared variable. A caller must give it unless it has a default, is optional or is filled from values."""

    properties: tuple[Field, ...] | None = None
    default: Any = msgspec.UNSET
    sensitive: bool = False
    trust: Trust = "untrusted"
    unicode: UnicodePolicy = "text"
    from_values: bool = False

    @property
    def fields(self) -> tuple[Field, ...] | None:
        """The fields of the object, or of the list's objects; None when they may have any."""
        return self.properties

    @property
    def required(self) -> bool:
        """Whether there is nothing to render when nobody gives a value."""
        return self.default is msgspec.UNSET and not self.optional

    @property
    def is_history(self) -> bool:
        """Whether it is a list of messages."""
        return self.type == "list" and self.item_type == "message"


class Parameters(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Model parameters, handed back to the caller as they are written."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    extra: Any = msgspec.UNSET


class Variant(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What differs for the models that `match` names: content takes the place of the content, parameters are merged."""

    match: str
    """A pattern over provider/model, as in anthropic/claude-*."""
    text: str | None = None
    messages: tuple[Message, ...] | None = None
    parameters: Parameters | None = None


class AnswerFormat(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What the model's answer has to be."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Any = msgspec.UNSET


class Function(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: Any = msgspec.UNSET


class Content(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Text or messages, exactly one of them, with the variables they use."""

    text: str | None = None
    messages: tuple[Message, ...] | None = None
    variables: tuple[Variable, ...] = ()
    parameters: Parameters | None = None
    models: tuple[Variant, ...] = ()
    response_format: AnswerFormat | None = None
    tools: tuple[Function, ...] = ()
