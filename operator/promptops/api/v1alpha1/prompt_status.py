"""What the status of a Prompt says: what was decided, what is served, and by how many."""

from typing import Annotated, Literal

from pydantic import Field

from promptops.api.limits import (
    MAX_FILLED_BYTES,
    MAX_MANAGER_CHARACTERS,
    MAX_PROMPT_ID_CHARACTERS,
    MAX_REASON_CHARACTERS,
)
from promptops.api.v1alpha1.schema import Condition, DigestText, Items, Model, TimeText, VersionText


class VersionReference(Model):
    """A version and the digest of its content."""

    version: VersionText
    """The version's number."""
    digest: DigestText
    """sha256 of its canonical content."""


MAX_FALLBACK_CHARACTERS = 4096
"""Of the words that stand in for a prompt: they travel with its entry, as values do."""


class FallbackStatus(Model):
    """What stands in for the served version."""

    version: VersionText | None = None
    """Number of the version. Absent: it is a text."""
    digest: DigestText | None = None
    """The version's digest."""
    text: Annotated[str, Field(max_length=MAX_FALLBACK_CHARACTERS)] | None = None
    """The text."""


class Serving(Model):
    """What the operator has decided to serve."""

    revision: int
    """Counts the decisions that changed what is served: another version, other ids, disabled or enabled."""
    at: TimeText
    """When this revision was decided."""
    stable: VersionReference
    """The version that is served."""
    ids: Annotated[Items[Annotated[str, Field(max_length=MAX_PROMPT_ID_CHARACTERS)]], Field(max_length=1)] | None = None
    """The ids it answers to beside its name."""
    disabled: bool | None = None
    """Renders are refused."""
    max_staleness_seconds: int | None = None
    """How long renders go on after the origin last confirmed it. Absent: as long as it is held."""
    fallback: FallbackStatus | None = None
    """What stands in for it. Absent: nothing does."""


class SourceStatus(Model):
    """The source's content as it was last read."""

    digest: DigestText | None = None
    """Digest of the content. Absent while it is refused or cannot be read."""
    version: VersionText | None = None
    """The version that has this content."""
    key_digest: DigestText | None = None
    """sha256 of the ConfigMap's key alone: what sha256sum says of the file it was made from."""


class FilledValues(Model):
    """What comes from outside the version: values of variables that declare fromValues, and the tenant's parameters."""

    digest: DigestText
    """sha256 of `json`; answers carry it as values_digest."""
    json_: Annotated[str, Field(max_length=MAX_FILLED_BYTES, alias="json")]
    """A JSON text: `variables` by their names, and `parameters` that stand in for those that a version does not set. Values
    are kept when a ConfigMap is gone."""


class HistoryEntry(Model):
    """One decision to serve another version."""

    version: VersionText
    """The version."""
    digest: DigestText
    """Its digest."""
    at: TimeText
    """When it was decided."""
    manager: Annotated[str, Field(max_length=MAX_MANAGER_CHARACTERS)]
    """Field manager that wrote the deciding field."""
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARACTERS)]
    """Activated, RolledBack or SourceChanged."""


MAX_HISTORY = 10
"""Decisions that a history keeps."""

Phase = Literal["Pending", "Progressing", "Degraded", "Disabled", "Healthy"]


class PromptStatus(Model):
    """What was decided and what is served."""

    observed_generation: int = -1
    """Generation of the Prompt this status speaks of."""
    phase: Phase | None = None
    """Summary: Pending nothing to serve, Degraded an older version serves because the wanted one cannot, Disabled switched off."""
    desired: VersionText | None = None
    """The version that the spec asks for, be it there or not."""
    source: SourceStatus | None = None
    """What the source says now. After an edit of a ConfigMap, which moves no generation, this is what to wait for."""
    serving: Serving | None = None
    """What is served."""
    values: FilledValues | None = None
    """What fills variables of it, and parameters that it does not set."""
    previous: VersionReference | None = None
    """What was served before."""
    served: Annotated[str, Field(max_length=32)] | None = None
    """How many instances serve it: all, none, or 48/50 while some lag or pods lack their sidecar. How many there are stands in
    the Tenant."""
    version_count: int | None = None
    """PromptVersions of this Prompt."""
    latest_version: VersionText | None = None
    """Highest number ever used; numbers are never used again."""
    history: Annotated[Items[HistoryEntry], Field(max_length=MAX_HISTORY)] | None = None
    """The latest decisions, newest first."""
    conditions: Annotated[Items[Condition], Field(max_length=8)] | None = None
    """Ready, Converged; Projected where there are projections; Reconciling and Stalled only while true."""
