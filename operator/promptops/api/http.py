"""The sidecar's HTTP messages, spoken by sidecar and client. Errors are RFC 9457 problems."""

from typing import Annotated, Any, Literal, TypedDict

import msgspec

Source = Literal["live", "snapshot", "redis", "directory", "fallback"]
PROBLEM_TYPE = "application/problem+json"
REQUEST_ID_HEADER = "promptops-request-id"
"""What a caller sends here comes back with the answer, so that it can tell the answer to its question from another."""
MAX_REQUEST_BYTES = 1024 * 1024
MAX_OUTPUT_BYTES = 1024 * 1024
MAX_VARIABLES = 1000
MAX_BATCH_ITEMS = 100
MAX_BATCH_OUTPUT_BYTES = 8 * 1024 * 1024
"""Of the answers of a batch together; what comes after them is refused item by item."""


class RenderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Body of POST /v1/prompts/{id}/render."""

    variables: dict[str, Any] = {}
    version: str | None = None
    """A version by its number instead of the active one."""
    strict: bool = False
    """A variable that nobody declared is an error instead of a warning."""
    model_provider: str | None = None
    """Who serves the model, as in `anthropic`: chooses among the version's variants. Without it, whose `format` it is."""
    model_name: str | None = None
    """The model's name at its provider; stands in the payload."""
    format: str | None = None
    """A provider's form, as in `openai` or `anthropic`: the answer then carries that provider's own request."""
    prefix_cache: bool = False
    """Say which characters never change, and mark them in the payload for the provider's prefix cache."""
    session: str | None = None
    """Who the render is for, as in a user's id: while two versions are tried out, the same one gets the same version."""


class BatchItem(RenderRequest, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One render of a batch: which prompt, and what a render of it takes."""

    prompt_id: str


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /v1/render/batch."""

    items: Annotated[tuple[BatchItem, ...], msgspec.Meta(max_length=MAX_BATCH_ITEMS)]


class Warning(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something the caller should know about an answer that is right nevertheless."""

    code: str
    detail: str
    variable: str | None = None


class RenderedMessage(TypedDict):
    """One message of a rendered chat prompt: a plain dictionary, as SDKs of models and `json.dumps` take it."""

    role: str
    content: str


class RenderResponse(msgspec.Struct, frozen=True):
    """What was rendered, from which version, and how old the knowledge of it is."""

    prompt_id: str
    version: str
    digest: str
    rendered_content: str
    """The text; for a chat prompt, the messages' contents joined by blank lines."""
    messages: tuple[RenderedMessage, ...]
    """The messages; for a text prompt, one message of the role user."""
    parameters: dict[str, Any]
    variables_used: tuple[str, ...]
    cache_hit: bool
    """Neither network nor disk was touched."""
    source: Source
    age_seconds: float
    """Seconds since the sidecar last heard from the origin that this is current."""
    stale: bool
    processing_time_ms: float
    warnings: tuple[Warning, ...]
    render_id: str
    model_variant: str | None = None
    """The pattern of the variant that answered; None: the version's own content."""
    payload: dict[str, Any] | None = None
    """The body of a request to the provider, when a `format` was asked for."""
    values_digest: str | None = None
    """sha256 of what comes from outside the version, as it was when this was rendered: values that fill what declares
    fromValues, and the tenant's parameters. None: nothing does."""
    fixed_characters: tuple[int, ...] | None = None
    """With `prefix_cache`, for each message how many characters at its beginning are equal in every render of this version;
    nothing of what follows the first message that is not whole is fixed for a cache."""


class PromptSummary(msgspec.Struct, frozen=True):
    """One row of GET /v1/prompts."""

    prompt_id: str
    name: str
    state: str
    version: str | None
    digest: str | None
    revision: int


class PromptList(msgspec.Struct, frozen=True):
    """Answer of GET /v1/prompts, sorted by name."""

    prompts: tuple[PromptSummary, ...]


class VersionSummary(msgspec.Struct, frozen=True):
    """One version that may be asked for."""

    version: str
    digest: str
    active: bool


class VersionList(msgspec.Struct, frozen=True):
    """Answer of GET /v1/prompts/{id}/versions, newest first."""

    prompt_id: str
    versions: tuple[VersionSummary, ...]


class PromptDetail(msgspec.Struct, frozen=True):
    """Answer of GET /v1/prompts/{id}: the entry and the active version's content."""

    prompt_id: str
    name: str
    ids: tuple[str, ...]
    state: str
    version: str | None
    digest: str | None
    revision: int
    content: dict[str, Any] | None
    source: Source
    age_seconds: float
    stale: bool


class VersionDetail(msgspec.Struct, frozen=True):
    """Answer of GET /v1/prompts/{id}/versions/{version}: what that version says, includes resolved. It never changes."""

    prompt_id: str
    version: str
    digest: str
    active: bool
    content: dict[str, Any]


class Welcome(msgspec.Struct, frozen=True):
    """Answer of GET /: what is here, and where the rest is."""

    service: str
    version: str
    """The release of this sidecar."""
    links: dict[str, str]


class Health(msgspec.Struct, frozen=True):
    """Answer of GET /v1/health and, without `dependencies`' details, of /readyz."""

    status: Literal["healthy", "degraded", "unhealthy"]
    dependencies: dict[str, str]
    prompts: int
    position: str | None
    stale: bool


class VariableError(msgspec.Struct, frozen=True):
    """What is wrong with one variable."""

    variable: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem; `code` is one of promptops.api.reasons."""

    title: str
    status: int
    code: str
    detail: str
    type: str = "about:blank"
    errors: tuple[VariableError, ...] = ()
    suggested_prompts: tuple[str, ...] = ()
    retryable: bool = False


class BatchResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one item: exactly one of an answer and a problem."""

    prompt_id: str
    status: int
    """What the item alone would have been answered with."""
    answer: RenderResponse | None = None
    problem: Problem | None = None


class BatchResponse(msgspec.Struct, frozen=True):
    """Answer of POST /v1/render/batch, in the order of the items. One that failed takes no other with it."""

    items: tuple[BatchResult, ...]
    succeeded: int
    failed: int


class DiffPiece(msgspec.Struct, frozen=True):
    """A part of a text and what became of it."""

    kind: Literal["same", "removed", "added"]
    text: str


class DiffText(msgspec.Struct, frozen=True):
    """A text that differs: `text`, or a message by its index."""

    path: str
    pieces: tuple[DiffPiece, ...]


class FieldChange(msgspec.Struct, frozen=True):
    """A field that differs: JSON values, null where there is none."""

    path: str
    """As in variables[name].type."""
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


class VersionDiff(msgspec.Struct, frozen=True):
    """Answer of GET /v1/prompts/{id}/diff?from=&to=: what differs between two versions."""

    prompt_id: str
    from_version: str = msgspec.field(name="from")
    to_version: str = msgspec.field(name="to")
    grade: Literal["patch", "minor", "major"] | None
    """What the change means to callers; null when the contents are equal."""
    texts: tuple[DiffText, ...]
    fields: tuple[FieldChange, ...]
    """Everything else: messages, variables, parameters, variants, tools, the form of the answer."""


class EvaluationRequest(msgspec.Struct, frozen=True):
    """Body of both evaluations (OpenFeature Remote Evaluation Protocol 0.3.0). What else a provider sends means nothing here."""

    context: dict[str, Any] = {}
    """The application's evaluation context: targetingKey is the session, what has a variable's name is its value."""
