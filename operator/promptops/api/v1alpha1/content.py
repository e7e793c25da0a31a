"""The content of a version as authors write it. What every consumer decodes is promptops.api.content."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promptops.api.v1alpha1.schema import MAX_INTEGER, VARIABLE_PATTERN, WHOLE, FreeJson, Items, Model, Rule

MAX_TEMPLATE_CHARACTERS = 65536
MAX_CONTENT_BYTES = 128 * 1024
MAX_VALUE_CHARACTERS = 1024 * 1024


class Message(Model):
    """One message of a chat prompt."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    """Who speaks."""
    content: Annotated[str, Field(max_length=MAX_TEMPLATE_CHARACTERS)]
    """The template of the message. `{{ name }}` stands for the value of a declared variable."""


class Variable(Model):
    """A value the template needs. It is required unless it has a default or is optional."""

    name: Annotated[str, Field(max_length=63, pattern=VARIABLE_PATTERN)]
    """Name used in the template and by callers."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the value is for; shown to callers."""
    type: Literal["string", "integer", "number", "boolean"]
    """Type of the value. Nothing is coerced: "1" is not an integer."""
    default: FreeJson = None
    """Value used when the caller gives none. It must have the declared type."""
    optional: bool | None = None
    """A variable that may be absent; it is then rendered as nothing."""
    enum: Annotated[Items[Annotated[str, Field(max_length=1024)]], Field(min_length=1, max_length=100)] | None = None
    """The only values allowed, for strings."""
    min_length: Annotated[int, Field(ge=0, le=MAX_VALUE_CHARACTERS), WHOLE] | None = None
    """Fewest characters of a string."""
    max_length: Annotated[int, Field(ge=0, le=MAX_VALUE_CHARACTERS), WHOLE] | None = None
    """Most characters of a string."""
    minimum: float | None = None
    """Smallest allowed number."""
    maximum: float | None = None
    """Largest allowed number."""


class Parameters(Model):
    """Model parameters. They are handed back to the caller with every render."""

    temperature: float | None = None
    """Sampling temperature."""
    top_p: float | None = None
    """Nucleus sampling."""
    max_tokens: Annotated[int, Field(ge=1, le=MAX_INTEGER), WHOLE] | None = None
    """Most tokens to generate."""
    stop: Annotated[Items[Annotated[str, Field(max_length=200)]], Field(max_length=16)] | None = None
    """Sequences at which generation ends."""
    seed: Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER), WHOLE] | None = None
    """Seed for repeatable sampling."""
    extra: FreeJson = None
    """Any further parameters, as JSON, untouched."""


def _messages_fit(content: "PartialContent") -> bool:
    return sum(len(message.content) for message in content.messages or ()) <= MAX_CONTENT_BYTES


class PartialContent(Model):
    """Content whose text may come from elsewhere. No field of it has a default: that would change old digests."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        # Cheap and early; the operator measures the exact bytes of the whole.
        Rule(
            f"!has(self.messages) || self.messages.map(m, size(m.content)).sum() <= {MAX_CONTENT_BYTES}",
            f"messages may have at most {MAX_CONTENT_BYTES} characters in all",
            _messages_fit,
        ),
    )

    text: Annotated[str, Field(max_length=MAX_TEMPLATE_CHARACTERS)] | None = None
    """The template of a text prompt. `{{ name }}` stands for the value of a declared variable."""
    messages: Annotated[Items[Message], Field(min_length=1, max_length=64)] | None = None
    """The messages of a chat prompt, in order."""
    variables: Annotated[Items[Variable], Field(max_length=100)] | None = None
    """The values the template needs."""
    parameters: Parameters | None = None
    """Model parameters, handed back with every render."""

    @property
    def is_whole(self) -> bool:
        """Whether there is something to render, and only one thing."""
        return (self.text is None) != (self.messages is None)


class Content(PartialContent):
    """What is rendered: a text or chat messages, their variables and parameters. Its digest is its identity."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.text) != has(self.messages)",
            "exactly one of text and messages",
            lambda content: content.is_whole,
        ),
        *PartialContent.RULES,
    )
