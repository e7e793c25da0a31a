"""What the content of a version comes to: digest, canonical bytes, what is wrong. Content never changes: one look at each is enough.

A content that takes other versions in has no digest before they are looked at too: see `composition`.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import msgspec

from promptops.api import reasons
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES
from promptops.api.v1alpha1.prompt_version import PromptVersionSpec
from promptops.api.v1alpha1.tests import PromptTest
from promptops.domain.content.canonical import canonical, digest_of, json_bytes
from promptops.domain.content.checks import check_content, check_well_formed
from promptops.domain.content.references import Reference, includes_itself, references
from promptops.domain.content.trial import Trial, check_tests, run
from promptops.domain.findings import Finding
from promptops.domain.manifests import Manifest, mapping, parse_as, spec_of
from promptops.rendering.errors import InvalidSpec

MAX_JSON_BYTES = 2 * MAX_CONTENT_BYTES
"""Content that is longer than this as compact JSON is too large in canonical form too: 1.0 is written 1 there, and nothing shrinks more."""
_PACKED_FROM = 1024
GOING: Final = "Being deleted"
"""What is said of a version whose deletion has begun, beside its lifecycle."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The result of the one look."""

    digest: str | None
    """The address of the resolved content. None when it has no canonical form, is too large to be looked at, or takes in
    what was not looked at."""
    findings: tuple[Finding, ...] = ()
    """What forbids to serve it, and what its author probably did not mean."""
    kept: bytes | None = None
    """The canonical bytes, packed when that is worth it: of thousands of versions few are asked for."""
    is_packed: bool = False
    tests: int = 0
    """How many tests it has."""
    trial: Trial | None = None
    """How they ended. None: it has none, or they cannot be run."""
    crashed: Finding | None = None
    """Why they could not be brought to an end."""
    includes: tuple[Reference, ...] = ()
    """What the content takes in."""
    written: "Assessment | None" = None
    """The look at the content as it is written, when it takes others in."""
    missing: str = ""
    """The PromptVersion that it takes in and that is not there."""
    retired: tuple[tuple[str, str], ...] = ()
    """PromptVersions that it takes in, perhaps through others, and that are Deprecated, Archived or being deleted at the moment."""
    untried: bytes = b""
    """Its tests as JSON, when they have to wait for what it takes in."""

    @classmethod
    def of(cls, digest: str | None, findings: tuple[Finding, ...], data: bytes | None, tests: int = 0) -> "Assessment":
        """Return a result that keeps these canonical bytes; None when there are none, or more than may be served."""
        if data is None or len(data) <= _PACKED_FROM:
            return cls(digest, findings, data, tests=tests)
        return cls(digest, findings, zlib.compress(data, 1), True, tests)

    @property
    def is_sound(self) -> bool:
        """Whether it may be served, its tests aside."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def failure(self) -> Finding | None:
        """What its tests have against activating it."""
        return self.crashed or (self.trial.finding if self.trial else None)

    def tried(self, tests: tuple[PromptTest, ...]) -> "Assessment":
        """Run its tests, when there is something that they can be run on."""
        data = self.canonical if self.is_sound and tests else None
        if data is None:
            return self
        if not self.is_resolved:
            return replace(self, untried=_json_of(tests))
        return replace(self, trial=run(tests, data))

    def below(self, root: str) -> "Assessment":
        """Return the same result with the paths of its findings seen from `root`."""
        return replace(self, findings=tuple(each.below(root) for each in self.findings))

    @property
    def canonical(self) -> bytes | None:
        """The canonical bytes. None when there are none, or more than may be served."""
        return zlib.decompress(self.kept) if self.kept is not None and self.is_packed else self.kept

    @property
    def as_written(self) -> "Assessment":
        """The look at the content alone."""
        return self.written or self

    @property
    def is_resolved(self) -> bool:
        """Whether what it takes in was looked at with it."""
        return not self.includes or self.written is not None


def _json_of(tests: tuple[PromptTest, ...]) -> bytes:
    return msgspec.json.encode([each.model_dump(by_alias=True, exclude_unset=True) for each in tests])


Assess: TypeAlias = Callable[[Manifest], Assessment]
"""Returns what a PromptVersion's content comes to, from memory or by looking at it."""


def look(version: Manifest) -> Assessment:
    """Look at a PromptVersion as it came, by itself, and run its tests. Takes milliseconds per kilobyte, and what the tests take."""
    return assess_spec(spec_of(version))


def assess_spec(spec: Manifest) -> Assessment:
    """Look at the spec of a PromptVersion, and run its tests. They may take seconds, and what an engine has against them
    takes the process with it: who has others to serve does this elsewhere."""
    looked, tests = _assessed(spec)
    return looked.tried(tests)


def look_at_spec(spec: Manifest) -> Assessment:
    """Look at the spec of a PromptVersion, and leave its tests alone."""
    return _assessed(spec)[0]


def _assessed(spec: Manifest) -> tuple[Assessment, tuple[PromptTest, ...]]:
    content = mapping(spec.get("content"))
    if (size := json_size(content)) > MAX_JSON_BYTES:
        return Assessment(None, (too_large(size),)), ()
    data, address = _canonical(content)
    fits = data is not None and json_bytes(data) <= MAX_CONTENT_BYTES
    findings, tests = _findings(spec, content, data)
    return looked_at(address, findings, data if fits else None, content, len(tests)), tests


def looked_at(
    address: str | None, findings: tuple[Finding, ...], data: bytes | None, content: Manifest, tests: int = 0
) -> Assessment:
    """Return what a look at content by itself came to."""
    found = Assessment.of(address, findings, data, tests)
    if not found.is_sound or not (includes := references(content)):
        return found
    return replace(found, digest=None, includes=includes)


def json_size(content: object) -> int:
    """Return how many bytes content has as compact JSON; 0 when it has no such form, which a later check says better."""
    try:
        return len(msgspec.json.encode(content))
    except (TypeError, ValueError, RecursionError):
        return 0


def too_large(size: int, path: str = "spec.content") -> Finding:
    """Say that content is too large to be looked at, by its size as compact JSON."""
    message = (
        f"has {size} bytes as JSON, at most {MAX_CONTENT_BYTES} are allowed in canonical form: "
        "shorten it, or pass long passages as variables"
    )
    return Finding(reasons.CONTENT_TOO_LARGE, message, path)


def _canonical(content: Manifest) -> tuple[bytes | None, str | None]:
    try:
        data = canonical(content)
    except InvalidSpec:
        return None, None
    return data, digest_of(data)


def _findings(
    spec: Manifest, content: Manifest, data: bytes | None
) -> tuple[tuple[Finding, ...], tuple[PromptTest, ...]]:
    model, wrong_shape = parse_as(PromptVersionSpec, spec, "spec")
    if model is None:
        return wrong_shape, ()
    found = check_content(content) if data is None else check_well_formed(content, json_bytes(data))
    tests = model.tests or ()
    return (*check_tests(tests, "spec.tests"), *includes_itself(spec), *found), tests
