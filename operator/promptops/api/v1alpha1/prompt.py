"""Prompt: what an application asks for by name, and which version answers."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promptops.api.limits import (
    MAX_LABEL_CHARACTERS,
    MAX_OBJECT_NAME_CHARACTERS,
    MAX_PROMPT_ID_CHARACTERS,
)
from promptops.api.v1alpha1.content import PartialContent
from promptops.api.v1alpha1.prompt_status import MAX_FALLBACK_CHARACTERS, PromptStatus
from promptops.api.v1alpha1.schema import (
    DATA_KEY,
    DNS_LABEL,
    OBJECT_NAME,
    PROMPT_ID,
    WHOLE,
    Column,
    Digest,
    Items,
    Kind,
    Label,
    Model,
    Names,
    Rule,
    Staleness,
    VersionNumber,
    is_dns_label,
)
from promptops.api.v1alpha1.tests import PromptTests


class ConfigMapKeyReference(Model):
    """A key of a ConfigMap in the Prompt's own namespace. The ConfigMap must carry the label promptops.io/watch: "true"."""

    name: Annotated[str, Field(max_length=MAX_OBJECT_NAME_CHARACTERS), OBJECT_NAME]
    """Name of the ConfigMap."""
    key: Annotated[str, Field(max_length=MAX_OBJECT_NAME_CHARACTERS), DATA_KEY]
    """Key in its data."""
    format: Literal["text", "yaml", "json"] | None = None
    """text, which need not be said: the key is content.text. yaml, json: the key is the whole content, and content must be absent."""

    @property
    def is_text(self) -> bool:
        """Whether the key is the text alone."""
        return self.format in (None, "text")


def _is_whole(source: "Source") -> bool:
    return source.config_map_key_ref is not None or source.content is None or source.content.is_whole


def _key_is_whole(source: "Source") -> bool:
    reference = source.config_map_key_ref
    return reference is None or reference.is_text or source.content is None


def _text_is_the_keys(source: "Source") -> bool:
    reference, content = source.config_map_key_ref, source.content
    if reference is None or not reference.is_text or content is None:
        return True
    return content.text is None and content.messages is None


_IS_TEXT = "self.configMapKeyRef.?format.orValue('text') == 'text'"


class Source(Model):
    """Content kept beside the Prompt. A change becomes a new immutable, numbered PromptVersion."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.content) || has(self.configMapKeyRef)",
            "source needs content or configMapKeyRef",
            lambda source: source.content is not None or source.config_map_key_ref is not None,
        ),
        Rule(
            "has(self.configMapKeyRef) || !has(self.content) || has(self.content.text) != has(self.content.messages)",
            "content needs exactly one of text and messages",
            _is_whole,
        ),
        Rule(
            f"!has(self.configMapKeyRef) || {_IS_TEXT} || !has(self.content)",
            "content must be absent when configMapKeyRef has the format yaml or json: the key is the whole content",
            _key_is_whole,
        ),
        Rule(
            f"!has(self.configMapKeyRef) || !({_IS_TEXT}) || !has(self.content)"
            " || (!has(self.content.text) && !has(self.content.messages))",
            "content must have neither text nor messages when configMapKeyRef has the format text: the key is the text",
            _text_is_the_keys,
        ),
    )

    content: PartialContent | None = None
    """The content, or, beside configMapKeyRef of the format text, everything but its text."""
    config_map_key_ref: ConfigMapKeyReference | None = None
    """Where the content, or its text, is read from."""
    tests: PromptTests | None = None
    """What must come out of the content before it becomes a version. The version is made with them."""


class ValuesSource(Model):
    """A ConfigMap in the Prompt's own namespace that must carry the label promptops.io/watch: "true"."""

    config_map_name: Annotated[str, Field(max_length=MAX_OBJECT_NAME_CHARACTERS), OBJECT_NAME]
    """Its keys are names of variables. What is no string is written as JSON."""


class Projection(Model):
    """A key of a ConfigMap in the Prompt's own namespace that always says what is served, for what reads ConfigMaps alone."""

    config_map: Annotated[str, Field(max_length=MAX_OBJECT_NAME_CHARACTERS), OBJECT_NAME]
    """Name of the ConfigMap: the Prompt's own, or one that begins with it and a dash. The operator makes it, and writes to none
    that others made."""
    key: Annotated[str, Field(max_length=MAX_OBJECT_NAME_CHARACTERS), DATA_KEY]
    """Key in its data: the text, or the messages as a JSON list of role and content. No caller gives values to it: every
    variable that is required has to be filled by valuesFrom or the tenant."""


MAX_PROJECTIONS = 8
"""Keys that one Prompt may keep in ConfigMaps."""


def _differ(spec: "PromptSpec") -> bool:
    places = [(each.config_map, each.key) for each in spec.projections or ()]
    return len(set(places)) == len(places)


def _values_differ(spec: "PromptSpec") -> bool:
    names = [each.config_map_name for each in spec.values_from or ()]
    return len(set(names)) == len(names)


class DeclaredFallback(Model):
    """What is answered, and said to be that, when what is served cannot be rendered."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.text) != has(self.version)",
            "fallback needs exactly one of text and version",
            lambda fallback: (fallback.text is None) != (fallback.version is None),
        ),
    )

    text: Annotated[str, Field(min_length=1, max_length=MAX_FALLBACK_CHARACTERS)] | None = None
    """A text, which nothing has to be fetched for. It has no variables."""
    version: VersionNumber | None = None
    """A version of this Prompt, rendered with the caller's values. Every sidecar holds it beforehand."""


class PromptSpec(Model):
    """What should be served."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(oldSelf.promptId) || (has(self.promptId) && self.promptId == oldSelf.promptId)",
            "promptId cannot be changed or removed once set: applications ask by it",
        ),
        Rule(
            "!has(self.promptId) || !self.promptId.matches('(^|/)[.]{0,2}(/|$)')",
            "promptId must not have an empty part, nor . or .. as one: no URL could ask for it",
            lambda spec: spec.prompt_id is None or not {"", ".", ".."} & set(spec.prompt_id.split("/")),
        ),
        Rule(
            "!has(self.projections) || self.projections.all(p,"
            " self.projections.exists_one(q, q.configMap == p.configMap && q.key == p.key))",
            "projections must not name a key of a ConfigMap twice",
            _differ,
        ),
        Rule(
            "!has(self.valuesFrom) || self.valuesFrom.all(p, self.valuesFrom.exists_one(q, q.configMapName == p.configMapName))",
            "valuesFrom must not name a ConfigMap twice: a later one wins over those before it, keep the one that should",
            _values_differ,
        ),
    )

    prompt_id: Annotated[str, Field(max_length=MAX_PROMPT_ID_CHARACTERS), PROMPT_ID] | None = None
    """The id applications use when it cannot be a Kubernetes name. The Prompt's name always works too. Immutable once set."""
    active_version: VersionNumber | None = None
    """The version to serve. Activation and rollback are an edit of this line. Absent with a source: follow the source."""
    active_digest: Digest | None = None
    """The digest the active version must have; anything else is not served."""
    accept_breaking: VersionNumber | None = None
    """The one version whose changed signature is accepted: calls that the served version takes may be refused by it. A version
    that breaks callers is not activated before it stands here."""
    source: Source | None = None
    """Content kept beside the Prompt instead of in PromptVersions written by hand."""
    values_from: Annotated[Items[ValuesSource], Field(max_length=8)] | None = None
    """Fill variables that declare fromValues, without a new version. A later one wins, and all of them over the tenant's values."""
    max_staleness: Staleness | None = None
    """How long a render goes on after the origin last confirmed what it is made from, as in 90s, 15m or 12h; then it answers
    503 TooStale. Absent: the tenant's default, or as long as it is held. At least 10s."""
    fallback: DeclaredFallback | None = None
    """Stands in for what is served where that is not held, cannot be read or is too stale, and for nothing else: neither for a
    caller's mistake nor for a disabled prompt nor for a version that was asked for by number."""
    projections: Annotated[Items[Projection], Field(max_length=MAX_PROJECTIONS)] | None = None
    """Keep the served text in keys of ConfigMaps, too. They go with their entry here, with the Prompt, and while it is disabled."""
    disabled: bool | None = None
    """Kill switch: renders answer 409 PromptDisabled."""
    history_limit: Annotated[int, Field(ge=1, le=100), WHOLE] = 10
    """How many generated versions are kept. Versions in use or labelled promptops.io/keep are never pruned."""

    @property
    def fallback_version(self) -> str | None:
        """The version that should stand in; None when there is none."""
        return self.fallback.version if self.fallback is not None else None


class Prompt(Kind):
    """A prompt that applications render by name."""

    NAMES: ClassVar[Names] = Names(
        kind="Prompt",
        plural="prompts",
        singular="prompt",
        short_names=("pmt",),
        scope="Namespaced",
        columns=(
            Column("Desired", "string", ".status.desired"),
            Column("Serving", "string", ".status.serving.stable.version"),
            Column("Served", "string", ".status.served"),
            Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Age", "date", ".metadata.creationTimestamp"),
            Column("Phase", "string", ".status.phase", priority=1),
            Column("Digest", "string", ".status.serving.stable.digest", priority=1),
            Column("Message", "string", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        ),
        selectable_fields=(".spec.promptId", ".spec.activeVersion"),
        root_rules=(
            Rule(
                f"size(self.metadata.name) <= {MAX_LABEL_CHARACTERS} && self.metadata.name.matches('{DNS_LABEL}')",
                f"the name must be a DNS label: lower case letters, digits and dashes, at most {MAX_LABEL_CHARACTERS}, no dot",
                lambda prompt: is_dns_label(prompt.name),
            ),
            Rule(
                "!has(self.spec.projections) || self.spec.projections.all(p, p.configMap == self.metadata.name"
                " || p.configMap.startsWith(self.metadata.name + '-'))",
                "the ConfigMap of a projection must have the Prompt's name, or begin with it and a dash",
                lambda prompt: all(
                    f"{each.config_map}-".startswith(f"{prompt.name}-") for each in prompt.spec.projections or ()
                ),
            ),
        ),
    )

    kind: Literal["Prompt"] = "Prompt"
    spec: PromptSpec
    status: PromptStatus = PromptStatus()

    @property
    def name(self) -> Label:
        """The Kubernetes name."""
        return self.metadata.name
