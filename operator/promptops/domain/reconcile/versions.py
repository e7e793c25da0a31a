"""The versions that a Prompt can choose from, looked at as late as possible."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from promptops.api import reasons
from promptops.api.content import json_of
from promptops.api.feed import VersionReference
from promptops.api.v1alpha1 import KEEP_LABEL
from promptops.api.v1alpha1.prompt_version import PromptVersionStatus
from promptops.api.wire import read_value
from promptops.domain.acceptance import unaccepted
from promptops.domain.content.assessment import Assess, Assessment
from promptops.domain.content.numbers import Number, parse_number
from promptops.domain.content.resolving import assess
from promptops.domain.findings import Finding, combined, warnings_of
from promptops.domain.manifests import Manifest, is_going, label, mapping, name_of, status_of
from promptops.domain.ownership import belongs, lifecycle_of, number_of, owner_uids
from promptops.domain.statuses import said_alone


@dataclass(frozen=True)
class Version:
    """One version: its number, and what its content comes to."""

    manifest: Manifest
    assess: Assess = assess
    """Asked as late as possible: among thousands of versions few are meant."""

    @cached_property
    def number(self) -> str:
        """The version's number as it is written."""
        return number_of(self.manifest)

    @cached_property
    def assessment(self) -> Assessment:
        """What the content comes to."""
        return self.assess(self.manifest)

    @cached_property
    def content(self) -> Manifest:
        """The resolved content; empty when it is none that may be served."""
        data = self.assessment.canonical
        return mapping(read_value(json_of(data))) if data is not None else {}

    @property
    def digest(self) -> str | None:
        """The address of the content."""
        return self.assessment.digest

    @property
    def recorded(self) -> str:
        """The digest that was seen first for the object, empty before that. Another one cannot be sound (see `problem`),
        so that among thousands of versions only those have to be hashed that may be meant."""
        return said_alone(PromptVersionStatus, status_of(self.manifest), "digest") or ""

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What forbids to serve it, and what its author probably did not mean."""
        if self.recorded and self.digest and self.recorded != self.digest:
            what = "what it includes came back different" if self.assessment.includes else "the content changed"
            message = f"{what}: it had the digest {self.recorded}, now it has {self.digest}"
            return (Finding(reasons.DIGEST_CHANGED, message, "spec.content"),)
        return self.assessment.findings

    @cached_property
    def problem(self) -> Finding | None:
        """What forbids to serve it, or None."""
        return combined(self.findings)

    @property
    def awaits(self) -> str:
        """The PromptVersion that it includes, perhaps through others, and that may still come; else empty."""
        return self.assessment.missing

    @cached_property
    def warnings(self) -> tuple[Finding, ...]:
        """What its author probably did not mean; it is served all the same."""
        return warnings_of(unaccepted(self.findings, self.manifest))

    @property
    def failure(self) -> Finding | None:
        """What its tests have against activating it, or None. Whatever serves already goes on."""
        return self.assessment.failure

    @property
    def is_tested(self) -> bool:
        """Whether it has tests."""
        return self.assessment.tests > 0

    @property
    def sound(self) -> bool:
        """Whether its content may be served."""
        return self.problem is None

    @property
    def reference(self) -> VersionReference:
        """Number and digest. The content must have a canonical form."""
        return VersionReference(self.number, self.digest or "")

    @property
    def lifecycle(self) -> str:
        """Available, Deprecated or Archived."""
        return lifecycle_of(self.manifest)

    def included(self, state: str) -> tuple[str, ...]:
        """Return the PromptVersions that are Deprecated, Archived or being deleted and that it takes in, perhaps through others."""
        return tuple(name for name, each in self.assessment.retired if each == state)

    def is_made_for(self, prompt_uid: str) -> bool:
        """Whether it was made from that Prompt's source. Its owner says so; a label anybody can write into git does not."""
        return prompt_uid in owner_uids(self.manifest)

    @property
    def is_kept(self) -> bool:
        """Whether somebody asked to keep it."""
        return label(self.manifest, KEEP_LABEL) == "true"

    @property
    def is_going(self) -> bool:
        """Whether its deletion has begun."""
        return is_going(self.manifest)


@dataclass(frozen=True)
class Versions:
    """A Prompt's own versions, newest first, and those that stand in the way of its names."""

    own: tuple[Version, ...]
    foreign: tuple[Version, ...]

    @classmethod
    def of(cls, versions: Iterable[Manifest], name: str, uid: str, look: Assess = assess) -> "Versions":
        """Tell a Prompt's own versions from others'."""
        own: list[tuple[Number, Version]] = []
        foreign: list[Version] = []
        for version in (Version(manifest, look) for manifest in versions):
            number = parse_number(version.number)
            if number is not None and belongs(version.manifest, name, uid):
                own.append((number, version))
            else:
                foreign.append(version)
        own.sort(key=lambda pair: pair[0], reverse=True)
        return cls(tuple(version for _, version in own), tuple(foreign))

    def numbered(self, number: str) -> Version | None:
        """Return the own version of a number."""
        return next((each for each in self.own if each.number == number), None)

    def with_digest(self, digest: str) -> tuple[Version, ...]:
        """Return the own versions with that content, newest first."""
        return tuple(each for each in self.own if each.recorded in ("", digest) and each.digest == digest)

    def compiled(self, reference: VersionReference) -> Version | None:
        """Return a version with that content that may be served, the one of that number if possible."""
        same_number = self.numbered(reference.version)
        if same_number is not None and same_number.digest == reference.digest and same_number.sound:
            return same_number
        return next((each for each in self.with_digest(reference.digest) if each.sound), None)

    def in_the_way(self, version_name: str) -> Version | None:
        """Return the version of that name which is not this Prompt's."""
        return next((each for each in self.foreign if name_of(each.manifest) == version_name), None)

    def numbers(self) -> tuple[str, ...]:
        """Return the own numbers, lowest first."""
        return tuple(each.number for each in reversed(self.own))
