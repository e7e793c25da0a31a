"""PromptVersion: immutable content under a number."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promptops.api.limits import MAX_SIGNATURES
from promptops.api.v1alpha1.content import Content, PromptReference
from promptops.api.v1alpha1.schema import (
    WITHOUT_NULLS,
    Column,
    Condition,
    DigestText,
    Items,
    Kind,
    Model,
    Names,
    Rule,
    Signature,
    VersionNumber,
    VersionText,
)
from promptops.api.v1alpha1.tests import PromptTests, TestsStatus


def _unchanged(field: str) -> Rule:
    return Rule(
        f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})",
        f"{field} of a PromptVersion cannot be changed: create a new version",
    )


class PromptVersionSpec(Model):
    """Everything but lifecycle and signatures is immutable, also what is absent."""

    MUTABLE: ClassVar[frozenset[str]] = frozenset({"lifecycle", "signatures"})

    prompt_ref: PromptReference
    """The Prompt this is a version of."""
    version: VersionNumber
    """Semantic version: major.minor.patch, with an optional pre-release."""
    content: Content
    """What is rendered."""
    tests: PromptTests | None = None
    """What must come out of it before it may serve. Not part of the digest, which names what is rendered."""
    changelog: Annotated[str, Field(max_length=4096)] | None = None
    """What changed and why, for people."""
    author: Annotated[str, Field(max_length=200)] | None = None
    """Who wrote it, for people; never used for authorisation."""
    metadata: (
        Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=64), WITHOUT_NULLS] | None
    ) = None
    """Labels of your own. Not part of the digest."""
    lifecycle: Literal["Available", "Deprecated", "Archived"] = "Available"
    """Deprecated is shown in the status and Events of the Prompt that serves it. Archived forbids a new activation and withdraws nothing that serves."""
    signatures: Annotated[dict[str, Signature], Field(max_length=MAX_SIGNATURES), WITHOUT_NULLS] | None = None
    """By the id of the key: who stands for this content under this prompt's name and number, as `promptops sign` says. Where
    the Tenant requires one, nothing else is activated; one that comes later is believed as well."""

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        """Return the fields, as the manifest spells them, that never change."""
        return tuple(field.alias or name for name, field in cls.model_fields.items() if name not in cls.MUTABLE)

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return one rule per fixed field: a field added later is immutable without another word."""
        return (*cls.RULES, *(_unchanged(field) for field in cls.fixed_fields()))


VersionGrade = Literal["patch", "minor", "major"]
VersionPhase = Literal["Pending", "Draft", "Active", "Superseded", "Deprecated", "Archived", "Invalid"]


class PromptVersionStatus(Model):
    """What the operator found."""

    observed_generation: int = -1
    """Generation this status speaks of."""
    digest: DigestText | None = None
    """sha256 of the canonical content: address, identity and provenance."""
    phase: VersionPhase | None = None
    """Draft was never active, Superseded was and is no more; Deprecated and Archived are what spec.lifecycle says."""
    grade: VersionGrade | None = None
    """What it means to callers of the version below it: major refuses calls that one takes, minor takes more, patch the same.
    Absent for the lowest number."""
    graded_against: VersionText | None = None
    """The version below it that it was compared with; it may be gone since."""
    tests: TestsStatus | None = None
    """How its tests ended; absent when it has none."""
    conditions: Annotated[Items[Condition], Field(max_length=8)] | None = None
    """Ready, InUse; Stalled while it can never be served."""


def _name_of(version: "PromptVersion") -> str:
    return f"{version.spec.prompt_ref.name}-{version.spec.version}"


_NO_SUFFIX = "; nothing can follow it: of kustomize, namePrefix works and nameSuffix does not"


def _suffix(version: "PromptVersion") -> str:
    name, number = version.metadata.name, version.spec.version
    return _NO_SUFFIX if f"-{number}" in name and not name.endswith(number) else ""


class PromptVersion(Kind):
    """An immutable, numbered version of a Prompt's content."""

    NAMES: ClassVar[Names] = Names(
        kind="PromptVersion",
        plural="promptversions",
        singular="promptversion",
        short_names=("pmv",),
        scope="Namespaced",
        columns=(
            Column("Prompt", "string", ".spec.promptRef.name"),
            Column("Version", "string", ".spec.version"),
            Column("Grade", "string", ".status.grade"),
            Column("Phase", "string", ".status.phase"),
            Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Age", "date", ".metadata.creationTimestamp"),
            Column("Digest", "string", ".status.digest", priority=1),
            Column("Message", "string", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        ),
        selectable_fields=(".spec.promptRef.name", ".spec.version"),
        root_rules=(
            Rule(
                "self.metadata.name == self.spec.promptRef.name + '-' + self.spec.version",
                "the name must be the prompt's, a dash, and the version",
                lambda version: version.metadata.name == _name_of(version),
                # Rules of a node are judged although one below it does not hold: the API server drops words with a line break.
                "'the name must be ' + (self.spec.promptRef.name + '-' + self.spec.version)"
                r".replace('\n', ' ').replace('\r', ' ')"
                " + ': the name of the prompt, a dash, and the version'"
                " + (self.metadata.name.contains('-' + self.spec.version) && !self.metadata.name.endsWith(self.spec.version)"
                f" ? '{_NO_SUFFIX}' : '')",
                lambda version: (
                    f"the name must be {_name_of(version)}: the name of the prompt, a dash, and the version{_suffix(version)}"
                ),
            ),
        ),
    )

    kind: Literal["PromptVersion"] = "PromptVersion"
    spec: PromptVersionSpec
    status: PromptVersionStatus = PromptVersionStatus()
