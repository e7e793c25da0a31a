"""Tenant: which namespaces belong together. Cluster-scoped: the platform team's, never the tenant's own."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promptops.api.limits import (
    MAX_LABEL_CHARACTERS,
    MAX_OBJECT_NAME_CHARACTERS,
    MAX_SIGNATURES,
    PROTECTED_NAMESPACES,
)
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES, Parameters
from promptops.api.v1alpha1.schema import (
    WHOLE,
    WITHOUT_NULLS,
    Column,
    Condition,
    Items,
    Kind,
    Label,
    Model,
    Names,
    PublicKey,
    Rule,
    Staleness,
)


class Requirements(Model):
    """What versions must have before they are activated. What serves already goes on."""

    tests: bool | None = None
    """At least one test."""
    digest: bool | None = None
    """Their digest in spec.activeDigest of the Prompt: a number alone activates nothing."""
    signature: Annotated[dict[str, PublicKey], Field(min_length=1, max_length=MAX_SIGNATURES), WITHOUT_NULLS] | None = (
        None
    )
    """A signature in spec.signatures by one of these keys: whose it is, and the key as `promptops sign --public` prints it."""


class TenantLimits(Model):
    """What there may be at most in each namespace of the tenant. What serves already goes on. Absent: no bound but everybody's."""

    prompts: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = None
    """Prompts in a namespace. Those beyond it, the youngest, are Ready=False/QuotaExceeded."""
    versions_per_prompt: Annotated[int, Field(ge=1, le=10_000), WHOLE] | None = None
    """PromptVersions of a Prompt. Those beyond it, the highest numbers, are not activated; generated ones are pruned to it."""
    content_bytes: Annotated[int, Field(ge=1, le=MAX_CONTENT_BYTES), WHOLE] | None = None
    """Of a version's content with all that it includes, as canonical JSON."""
    renders_per_second_per_pod: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] | None = None
    """Renders that one sidecar answers in a second, all prompts together. What is more is answered 429, with Retry-After."""


class Defaults(Model):
    """What holds for prompts of the tenant that say nothing else themselves."""

    parameters: Parameters | None = None
    """Model parameters, below a version's own and those of its variants: one that they set is theirs. An edit takes effect at
    once and makes no version; answers carry its digest in values_digest."""
    max_staleness: Staleness | None = None
    """The maxStaleness of prompts that have none."""


class Alerts(Model):
    """From where on the shipped alerts fire for prompts of the tenant. What is absent is as the chart says for everybody."""

    error_rate_percent: Annotated[int, Field(ge=0, le=100), WHOLE] | None = None
    """high_error_rate: more of a hundred renders of a prompt fail."""
    p95_milliseconds: Annotated[int, Field(ge=1, le=600_000), WHOLE] | None = None
    """slow_response: the 95th percentile of a prompt's render time is above this."""
    cache_hit_percent: Annotated[int, Field(ge=0, le=100), WHOLE] | None = None
    """low_cache_hit_rate: fewer of a hundred requests for a prompt are answered from memory."""


class TenantSpec(Model):
    """What belongs to the tenant."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!self.namespaces.exists(n, n in {list(PROTECTED_NAMESPACES)})",
            f"{', '.join(PROTECTED_NAMESPACES[:-1])} and {PROTECTED_NAMESPACES[-1]} belong to the cluster: no tenant can claim them",
            lambda spec: set(PROTECTED_NAMESPACES).isdisjoint(spec.namespaces),
        ),
        Rule(
            "self.namespaces.all(n, self.namespaces.exists_one(m, m == n))",
            "namespaces must not name a namespace twice: remove one of the two",
            lambda spec: len(set(spec.namespaces)) == len(spec.namespaces),
        ),
    )

    namespaces: Annotated[
        Items[Label],
        Field(min_length=1, max_length=100),
    ]
    """Namespaces claimed, by name. Of two tenants that claim one namespace, the one that holds it keeps it, else the older gets it."""
    values: Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=64), WITHOUT_NULLS] | None = (
        None
    )
    """By the names of variables that declare fromValues, in every prompt of these namespaces. What is no string is written as JSON."""
    defaults: Defaults | None = None
    """What holds for prompts of these namespaces that say nothing else themselves."""
    require: Requirements | None = None
    """What a version must have to be activated in these namespaces."""
    limits: TenantLimits | None = None
    """How much there may be in each of these namespaces."""
    alerts: Alerts | None = None
    """From where on the alerts fire. They need the PodMonitor of the chart, or whatever else scrapes the operator."""


class Claim(Model):
    """A claim on a namespace and how it ended."""

    namespace: Annotated[str, Field(max_length=MAX_LABEL_CHARACTERS)]
    """The namespace."""
    state: Literal["Claimed", "Conflict", "Absent"]
    """Claimed by this tenant, held by another one, or not in the cluster yet."""
    holder: Annotated[str, Field(max_length=MAX_OBJECT_NAME_CHARACTERS)] | None = None
    """The tenant that holds it, on a conflict."""
    instances: int | None = None
    """Instances that follow the namespace, also those that are silent. Absent before the first."""
    lost: int | None = None
    """Those of them without a report for 20 seconds. They go on rendering what they hold."""
    missing: int | None = None
    """Those of them that this leader has not heard of: an earlier one knew them, or their pod runs with a sidecar."""
    uninjected: int | None = None
    """Pods that ask for a sidecar and have none: made before the injector, or while it was away. Absent: none."""
    prompts: int | None = None
    """Prompts in the namespace. Absent: none."""
    versions: int | None = None
    """PromptVersions in it. Absent: none."""


class Usage(Model):
    """How much there is in the namespaces that the tenant holds, to be held against spec.limits. Written at most every 5 seconds."""

    prompts: int
    """Prompts in all of them."""
    versions: int
    """PromptVersions in all of them."""
    most_prompts: int
    """Prompts in the namespace that has most of them: this is what limits.prompts bounds."""
    most_versions: int
    """PromptVersions of the Prompt that has most of them: this is what limits.versionsPerPrompt bounds."""


class TenantStatus(Model):
    """How the claims stand."""

    observed_generation: int = -1
    """Generation this status speaks of."""
    claims: Annotated[Items[Claim], Field(max_length=100)] | None = None
    """One row per claimed namespace."""
    usage: Usage | None = None
    """How much there is in the namespaces it holds. Absent while it holds none."""
    conditions: Annotated[Items[Condition], Field(max_length=8)] | None = None
    """Ready; Stalled while a claim conflicts; InjectionMissed while pods lack the sidecar they ask for."""


class Tenant(Kind):
    """A set of namespaces with one owner: the isolation boundary."""

    NAMES: ClassVar[Names] = Names(
        kind="Tenant",
        plural="tenants",
        singular="tenant",
        short_names=("ptn",),
        scope="Cluster",
        columns=(
            Column("Namespaces", "string", ".spec.namespaces"),
            Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Age", "date", ".metadata.creationTimestamp"),
            Column("Prompts", "integer", ".status.usage.prompts", priority=1),
            Column("Most", "integer", ".status.usage.mostPrompts", priority=1),
            Column("Limit", "integer", ".spec.limits.prompts", priority=1),
            Column("Versions", "integer", ".status.usage.versions", priority=1),
            Column("Message", "string", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        ),
    )

    kind: Literal["Tenant"] = "Tenant"
    spec: TenantSpec
    status: TenantStatus = TenantStatus()
