"""The content of a version as authors write it. What every consumer decodes is promptops.api.content."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promptops.api.limits import MAX_FUNCTION_NAME_CHARACTERS, MAX_MESSAGES, MAX_TEMPLATE_CHARACTERS
from promptops.api.v1alpha1.schema import (
    MAX_INTEGER,
    WHOLE,
    FreeJson,
    Items,
    Label,
    Model,
    Rule,
    Spelling,
    VariableName,
    VersionNumber,
)

MATCH = Spelling(
    r"^[A-Za-z0-9*?][A-Za-z0-9._:*?@-]*/[A-Za-z0-9._:/*?@-]+$",
    "write provider/model as in anthropic/claude-*: letters, digits and . _ : @ - in both, / in the model, * for anything and ? for one character",
)
"""provider/model, both of them perhaps with * and ?."""
FUNCTION_NAME = Spelling(
    "^[A-Za-z0-9_-]+$", "write a name of letters, digits, underscores and dashes, as every provider takes it"
)
FunctionName = Annotated[str, Field(max_length=MAX_FUNCTION_NAME_CHARACTERS), FUNCTION_NAME]
MAX_CONTENT_BYTES = 128 * 1024
MAX_VALUE_CHARACTERS = 1024 * 1024


Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(Model):
    """One message of a chat prompt, or the place where messages stand that the caller gives."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.placeholder) ? !has(self.role) && !has(self.content) : has(self.role) && has(self.content) && !has(self.roles)",
            "a message has role and content; the place of a caller's messages has placeholder, and perhaps roles",
            lambda message: message.is_sound,
        ),
    )

    role: Role | None = None
    """Who speaks."""
    content: Annotated[str, Field(max_length=MAX_TEMPLATE_CHARACTERS)] | None = None
    """The template of the message. `{{ name }}` stands for the value of a declared variable."""
    placeholder: VariableName | None = None
    """Name of a variable of type list and itemType message: its messages stand here, exactly as the caller gives them."""
    roles: Annotated[Items[Role], Field(min_length=1, max_length=5)] | None = None
    """Who may speak in those messages; user and assistant when absent."""

    @property
    def is_sound(self) -> bool:
        """Whether it is one of the two, and not a mixture."""
        if self.placeholder is not None:
            return self.role is None and self.content is None
        return self.role is not None and self.content is not None and self.roles is None


class VariableField(Model):
    """A field of an object."""

    name: VariableName
    """Name used in the template and by callers."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the value is for; shown to callers."""
    type: Literal["string", "integer", "number", "boolean", "list", "object"]
    """Type of the value. Nothing is coerced: "1" is not an integer."""
    item_type: Literal["string", "integer", "number", "boolean", "object", "message"] | None = None
    """Type of a list's items; anything when absent. The bounds below are then the items', but for minItems and maxItems."""
    optional: bool | None = None
    """A value that may be absent; it is then rendered as nothing and false in conditions."""
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
    min_items: Annotated[int, Field(ge=0, le=MAX_VALUE_CHARACTERS), WHOLE] | None = None
    """Fewest items of a list."""
    max_items: Annotated[int, Field(ge=0, le=MAX_VALUE_CHARACTERS), WHOLE] | None = None
    """Most items of a list."""
    format: Literal["email", "uri", "date", "date-time", "uuid", "hostname", "language"] | None = None
    """What a string must look like."""


class Variable(VariableField):
    """A value the template needs. It is required unless it has a default, is optional or is filled from values."""

    properties: Annotated[Items[VariableField], Field(min_length=1, max_length=50)] | None = None
    """The fields of an object, or of a list's objects. When absent they may have any."""
    default: FreeJson = None
    """Value used when the caller gives none. It must have the declared type."""
    sensitive: bool | None = None
    """The value never appears in what is recorded of a render."""
    trust: Literal["untrusted", "trusted"] | None = None
    """Untrusted, unless it says trusted: the value is cleaned by the Unicode policy and makes no chat control token."""
    unicode: Literal["text", "raw"] | None = None
    """Text, unless it says raw: then hidden and unusual characters of an untrusted value are let through."""
    from_values: bool | None = None
    """The value comes from a ConfigMap named under valuesFrom, or from the tenant, when the caller gives none."""


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


class Variant(Model):
    """What differs for some models: content replaces the content, parameters are merged into the parameters."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.text) && has(self.messages))",
            "at most one of text and messages: a variant is one or the other",
            lambda variant: variant.text is None or variant.messages is None,
        ),
    )

    match: Annotated[str, Field(max_length=200), MATCH]
    """Which models: a pattern over provider/model, as in `anthropic/claude-*`. The first variant that matches is taken."""
    text: Annotated[str, Field(max_length=MAX_TEMPLATE_CHARACTERS)] | None = None
    """The template of a text prompt for these models."""
    messages: Annotated[Items[Message], Field(min_length=1, max_length=MAX_MESSAGES)] | None = None
    """The messages of a chat prompt for these models."""
    parameters: Parameters | None = None
    """Parameters that differ for these models; the others stay."""


class AnswerFormat(Model):
    """What the model's answer has to be."""

    type: Literal["text", "json_object", "json_schema"]
    """Plain text, any JSON object, or JSON that a schema describes."""
    name: FunctionName | None = None
    """Name of the schema, for providers that ask for one."""
    schema_: Annotated[FreeJson, Field(alias="schema")] = None
    """JSON Schema of the answer, for `json_schema`."""


class Function(Model):
    """A function that the model may call."""

    name: FunctionName
    """Name by which the model calls it."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What it does and when to call it; the model reads this."""
    parameters: FreeJson = None
    """JSON Schema of its arguments."""


class PromptReference(Model):
    """A Prompt in the same namespace."""

    name: Label
    """Name of the Prompt."""


class Include(Model):
    """The text of another version, for templates to take in. It reads its own variables, which callers then give here too."""

    alias: VariableName
    """What templates call it, as in `{% include "rules" %}`."""
    prompt_ref: PromptReference
    """The Prompt it is a version of, in the same namespace. The Prompt itself need not exist."""
    version: VersionNumber
    """The version, which never changes."""


def _messages_fit(content: "PartialContent") -> bool:
    return sum(len(message.content or "") for message in content.messages or ()) <= MAX_CONTENT_BYTES


class PartialContent(Model):
    """Content whose text may come from elsewhere. No field of it has a default: that would change old digests."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        # Cheap and early; the operator measures the exact bytes of the whole.
        Rule(
            f"!has(self.messages) || self.messages.map(m, has(m.content) ? size(m.content) : 0).sum() <= {MAX_CONTENT_BYTES}",
            f"messages may have at most {MAX_CONTENT_BYTES} characters in all",
            _messages_fit,
        ),
    )

    text: Annotated[str, Field(max_length=MAX_TEMPLATE_CHARACTERS)] | None = None
    """The template of a text prompt. `{{ name }}` stands for the value of a declared variable."""
    messages: Annotated[Items[Message], Field(min_length=1, max_length=MAX_MESSAGES)] | None = None
    """The messages of a chat prompt, in order."""
    variables: Annotated[Items[Variable], Field(max_length=100)] | None = None
    """The values the template needs."""
    includes: Annotated[Items[Include], Field(max_length=16)] | None = None
    """Texts of other versions that the templates take in."""
    parameters: Parameters | None = None
    """Model parameters, handed back with every render."""
    models: Annotated[Items[Variant], Field(max_length=16)] | None = None
    """What differs for some models, by the provider and name that a caller gives."""
    response_format: AnswerFormat | None = None
    """What the model's answer has to be."""
    tools: Annotated[Items[Function], Field(max_length=64)] | None = None
    """Functions that the model may call."""

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
