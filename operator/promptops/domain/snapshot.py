"""What a decision is made from, gathered beforehand, and what it comes to. Plain values; nobody acts here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from promptops.api.feed import Entry
from promptops.api.limits import PROTECTED_NAMESPACES
from promptops.domain.content.assessment import Assess, Assessment
from promptops.domain.content.resolving import assess
from promptops.domain.content.sourcing import Judge, judge
from promptops.domain.manifests import Manifest
from promptops.domain.signatures import Verify, believes_nobody


@dataclass(frozen=True)
class ServedObservation:
    """How many instances serve the published decision."""

    ready: int
    """Reported a position at or after the one where the entry changed, and do not refuse it, heard of now or not."""
    total: int
    """Known, and the pods that should serve and cannot."""
    uninjected: int = 0
    """Pods among them that lack the sidecar they ask for."""
    unheard: int = 0
    """Pods among them whose sidecar never reported."""


@dataclass(frozen=True)
class Refusal:
    """A creation that the API server refused: quota, a policy, a webhook."""

    name: str
    """Of the PromptVersion."""
    spec: Manifest
    """What was to be created."""
    message: str
    """In the API server's words."""
    final: bool
    """Whether what was sent is wrong, and not the moment."""


@dataclass(frozen=True)
class Projecting:
    """What ConfigMaps should say of a Prompt."""

    places: tuple[tuple[str, str], ...] = ()
    """ConfigMap and key of each, in order; none: no ConfigMap says anything of it."""
    digest: str = ""
    """Of the content."""
    version: str = ""
    values: str = ""
    """What fills variables, as JSON."""

    @property
    def config_maps(self) -> tuple[str, ...]:
        """The ConfigMaps, each once."""
        return tuple(dict.fromkeys(name for name, _ in self.places))


NOT_PROJECTED = Projecting()


@dataclass(frozen=True)
class ProjectionReport:
    """What came of it when that was last tried."""

    of: Projecting
    reason: str = ""
    """Why not every place says it; empty: every one does."""
    message: str = ""
    final: bool = True
    """Whether somebody has to edit something, and time alone helps nobody."""


@dataclass(frozen=True)
class TenantRules:
    """What a Tenant asks of what is activated in its namespaces, and how much of it there may be. None: no bound."""

    requires_tests: bool = False
    requires_digest: bool = False
    signers: Mapping[str, str] | None = None
    """Whose signature is required: name → public key. None: nobody's. Empty: what it says cannot be read, and nobody is believed."""
    prompts: int | None = None
    versions_per_prompt: int | None = None
    content_bytes: int | None = None
    renders_per_second_per_pod: int | None = None


NO_RULES = TenantRules()


@dataclass(frozen=True)
class TenantGifts:
    """What a Tenant gives to prompts of its namespaces that say nothing else themselves."""

    values: Mapping[str, str] = field(default_factory=dict)
    """For variables that declare fromValues."""
    parameters: Mapping[str, Any] | None = field(default_factory=dict)
    """Model parameters. None: what it says cannot be read, and prompts keep what they have."""
    max_staleness_seconds: int | None = 0
    """0: no bound. None: what it says cannot be read, and prompts keep what they have."""


NO_GIFTS = TenantGifts()


@dataclass(frozen=True)
class PromptSnapshot:
    """Everything that the decision about one Prompt may look at."""

    prompt: Manifest
    versions: tuple[Manifest, ...] = ()
    """Every PromptVersion in the namespace whose promptRef names the prompt, whoever owns it; also those of the name
    <prompt>-<activeVersion> that belong to another prompt."""
    more_versions: int = 0
    """How many more there are, older than the newest thousand and named by nothing: they are counted and not looked at."""
    config_map: Manifest | None = None
    """The ConfigMap that the source refers to, when it is there and labelled for us to see."""
    values_maps: Mapping[str, Manifest] = field(default_factory=dict)
    """The ConfigMaps of spec.valuesFrom by name, those that are there and labelled for us to see."""
    gifts: TenantGifts = NO_GIFTS
    """What the Tenant that claims the namespace gives."""
    rivals: tuple[Manifest, ...] = ()
    """Other Prompts of the namespace whose name or promptId equals this prompt's promptId, or whose promptId is its name."""
    tenant: str | None = None
    """Who the namespace belongs to; None when nobody may serve from it (Strict mode, unclaimed)."""
    rules: TenantRules = NO_RULES
    """What the tenant asks."""
    older_prompts: int = 0
    """How many Prompts of the namespace are older."""
    served: ServedObservation | None = None
    """None while nothing can be said (a new leader's first 30 s without reports): status keeps what it says."""
    published_revision: int | None = None
    """Revision of the entry that followers have been offered since this leader began; None when none was."""
    projected: ProjectionReport | None = None
    """What came of its projections; None before they were looked at in this leader's time."""
    refused: Refusal | None = None
    """A creation that was refused and is not due to be tried again yet."""
    verifies: Verify = believes_nobody
    """Tells whether a signature is genuine."""
    assess: Assess = assess
    """Tells what a version's content comes to."""
    judge: Judge = judge
    """Tells what the source comes to."""
    included: frozenset[str] = frozenset()
    """Names of PromptVersions that others include, or a source."""
    settled: bool = True
    """False while objects keep arriving in the namespace: a missing reference is then not announced yet."""


@dataclass(frozen=True)
class Transition:
    """Worth an Event: something became the case."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class PromptOutcome:
    """What should be done about one Prompt, in the order of the fields."""

    create: tuple[dict[str, Any], ...] = ()
    """PromptVersions to create. When there are any, nothing else is done: create, put them in the store, decide again."""
    status: dict[str, Any] | None = None
    """The whole status as it should be. None: leave what is there (not settled yet)."""
    entry: Entry | None = None
    """What to publish once the status is written; None: nothing is served under this name."""
    contents: Mapping[str, Assessment] = field(default_factory=dict)
    """Digest → the content that `entry` names, as far as it can be compiled; packed, for most of it is published already."""
    projecting: Projecting | None = None
    """What ConfigMaps should say once that is published. None: leave them as they are."""
    prune: tuple[Manifest, ...] = ()
    """Generated PromptVersions to delete."""
    transitions: tuple[Transition, ...] = ()
    missing: tuple[str, str] | None = None
    """Kind and name of what the status says is not there: it has to be looked for once more before that is written."""
    look_again_seconds: float | None = None
    """When time alone can change the decision."""


@dataclass(frozen=True)
class VersionSnapshot:
    """Everything that the decision about one PromptVersion may look at."""

    version: Manifest
    prompt: Manifest | None = None
    """The Prompt it names, with the status last written."""
    included_by: tuple[str, ...] = ()
    """Names of the PromptVersions that are served and include it, directly or not."""
    below: tuple[Manifest, ...] = ()
    """PromptVersions with lower numbers that name the same Prompt, the nearest first."""
    assess: Assess = assess
    """Tells what the version's content comes to."""


@dataclass(frozen=True)
class VersionOutcome:
    """What a PromptVersion's status should be."""

    status: dict[str, Any]
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True)
class Amount:
    """How much there is in a namespace of what a Tenant may limit."""

    prompts: int = 0
    versions: int = 0
    most_versions: int = 0
    """Of the prompt that has most."""


NOTHING = Amount()


@dataclass(frozen=True)
class TenancySnapshot:
    """Everything that the decisions about tenants may look at: all of it, it is small."""

    tenants: tuple[Manifest, ...] = ()
    namespaces: tuple[Manifest, ...] = ()
    mode: Literal["Implicit", "Strict"] = "Implicit"
    protected: frozenset[str] = frozenset(PROTECTED_NAMESPACES)
    """Namespaces that no Tenant can claim."""
    instances: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Namespace → what its row says of instances: instances, lost, missing. Absent: the row keeps what it says."""
    uninjected: Mapping[str, int] | None = None
    """Namespace → pods that lack the sidecar they ask for. None: not looked yet, and every row keeps what it says."""
    amounts: Mapping[str, Amount] = field(default_factory=dict)
    """Namespace → how much there is. Absent: nothing."""


@dataclass(frozen=True)
class TenancyOutcome:
    """Who holds which namespace, what that asks for, and the tenants' statuses."""

    holders: Mapping[str, str]
    """Namespace → tenant, for every namespace that is admitted. In Implicit mode an unclaimed namespace is its own tenant."""
    statuses: Mapping[str, dict[str, Any]]
    """Tenant name → status."""
    rules: Mapping[str, TenantRules] = field(default_factory=dict)
    """Namespace → what the Tenant that claims it asks, where it asks for anything."""
    gifts: Mapping[str, TenantGifts] = field(default_factory=dict)
    """Namespace → what the Tenant that claims it gives, where it gives anything."""
    thresholds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Namespace → alert → from where on it fires, where the Tenant that claims it says so."""
