"""What admission and the operator would say of some files, and where: every finding with file, line and column."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from promptops.api import reasons
from promptops.api.v1alpha1 import API_VERSION, KINDS
from promptops.domain.acceptance import unaccepted
from promptops.domain.findings import Finding
from promptops.domain.manifests import mapping, metadata, text
from promptops.domain.review import review
from promptops.workspace.locate import locate
from promptops.workspace.manifest_files import FileReading, Flaw, Found, documents_in, items_of, read_object
from promptops.workspace.standalone import Standalone
from promptops.workspace.stream import Document
from promptops.workspace.workspace import unique

_OURS: Final = frozenset(kind.NAMES.kind for kind in KINDS)
_SAID_ALREADY: Final = frozenset(
    {
        reasons.INVALID_SPEC,
        reasons.SOURCE_INVALID,
        reasons.VERSION_INVALID,
        reasons.INCLUDE_NOT_FOUND,
        reasons.INCLUDE_CYCLE,
    }
)
"""What a prompt's condition says of a content that was reviewed where it stands."""
_MAY_BE_ELSEWHERE: Final = frozenset(
    {
        reasons.VERSION_NOT_FOUND,
        reasons.INCLUDE_NOT_FOUND,
        reasons.CONFIG_MAP_NOT_FOUND,
        reasons.CONFIG_MAP_NOT_LABELLED,
    }
)
UNREADABLE: Final = "Unreadable"
NOT_SERVED: Final = "NotServed"


@dataclass(frozen=True)
class Remark:
    """One thing to mend."""

    file: str
    line: int
    column: int
    severity: Literal["error", "warning"]
    reason: str
    """A constant of promptops.api.reasons, Unreadable or NotServed."""
    subject: str
    """Kind and name, empty when they cannot be told."""
    path: str
    """The field."""
    message: str

    @property
    def sentence(self) -> str:
        """Everything but the place, in one line."""
        return ": ".join(part for part in (self.subject, self.path, self.message) if part)


@dataclass(frozen=True)
class Checked:
    """What a check came to."""

    remarks: tuple[Remark, ...]
    objects: int
    """How many Prompts, PromptVersions, Tenants and ConfigMaps were looked at."""

    def count(self, severity: str) -> int:
        """Return how many remarks are of a severity."""
        return sum(remark.severity == severity for remark in self.remarks)


def check(files: Mapping[str, bytes], now: datetime, *, partial: bool = False) -> Checked:
    """Check files as one namespace. With `partial`, what refers to objects that are not among them is a warning."""
    remarks: list[Remark] = []
    readings: dict[str, FileReading] = {}
    objects = 0
    for name in sorted(files):
        reading = _File(name)
        reading.read(files[name])
        remarks += reading.remarks
        readings[name] = FileReading(tuple(reading.found))
        objects += reading.objects
    found, doubles = unique(readings)
    remarks += [_double(flaw) for flaw in doubles]
    reviewed = {remark.subject for remark in remarks if remark.severity == "error"}
    remarks += _decided(found.values(), reviewed, now, partial)
    return Checked(tuple(sorted(remarks, key=lambda each: (each.file, each.line, each.column))), objects)


class _File:
    """One file and what is said of it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.remarks: list[Remark] = []
        self.found: list[Found] = []
        self.objects = 0

    def read(self, data: bytes) -> None:
        for document in documents_in(self._name, data):
            if isinstance(document, Flaw):
                self._say(int(document.place.rpartition(":")[2]), document.column or 1, UNREADABLE, document.message)
                continue
            for slip in document.slips:
                self._say(slip.line, slip.column, UNREADABLE, slip.message)
            self._document(document)

    def _document(self, document: Document) -> None:
        is_list = isinstance(mapping(document.value).get("items"), list)
        for index, value in enumerate(items_of(document.value)):
            self._object(value, document, f"items[{index}]" if is_list else "")

    def _object(self, value: Any, document: Document, within: str) -> None:
        manifest = mapping(value)
        is_ours = manifest.get("apiVersion") == API_VERSION and text(manifest.get("kind")) in _OURS
        read = read_object(value, f"{self._name}:{document.line}")
        if isinstance(read, Found):
            self.found.append(read)
        self.objects += isinstance(read, Found) or is_ours
        if is_ours:
            subject = f"{manifest['kind']} {text(metadata(manifest).get('name'))}".strip()
            for finding in review(manifest):
                self._finding(finding, subject, document, within)
        elif isinstance(read, Flaw) and not read.is_notice:
            self._say(document.line, 1, reasons.INVALID_SPEC, read.message)

    def _finding(self, finding: Finding, subject: str, document: Document, within: str) -> None:
        placed = locate(document.text, finding.below(within))
        line, column = (placed[0] + document.first - 1, placed[1]) if placed else (document.line, 1)
        inside = f"line {finding.line}, column {finding.column}: " if finding.line is not None else ""
        message = f"{inside}{finding.message}"
        self._say(line, column, finding.reason, message, finding.severity, subject, finding.path)

    def _say(
        self,
        line: int,
        column: int,
        reason: str,
        message: str,
        severity: Literal["error", "warning"] = "error",
        subject: str = "",
        path: str = "",
    ) -> None:
        self.remarks.append(Remark(self._name, line, column, severity, reason, subject, path, message))


def _double(flaw: Flaw) -> Remark:
    file, _, line = flaw.place.rpartition(":")
    subject = " ".join(flaw.identity or ())
    return Remark(file, int(line), 1, "error", NOT_SERVED, subject, "", flaw.message.removeprefix(f"{subject} "))


def _decided(found: Iterable[Found], reviewed: set[str], now: datetime, partial: bool) -> Iterator[Remark]:
    """Say what the operator would say of each Prompt, with all that stands in the files."""
    places = {one.identity: one.place for one in found}
    cluster = Standalone()
    cluster.apply(found)
    composed = list(_composed(found, cluster, reviewed, partial))
    yield from composed
    reviewed = reviewed | {remark.subject for remark in composed}
    for problem in cluster.decide(now).problems:
        subject = f"Prompt {problem.prompt}"
        versions = (f"PromptVersion {text(metadata(each).get('name'))}" for each in cluster.versions_of(problem.prompt))
        if problem.reason in _SAID_ALREADY and not reviewed.isdisjoint({subject, *versions}):
            continue
        file, _, line = places["Prompt", problem.prompt].rpartition(":")
        severity: Literal["error", "warning"] = (
            "warning" if partial and problem.reason in _MAY_BE_ELSEWHERE else "error"
        )
        yield Remark(file, int(line), 1, severity, problem.reason, subject, "", problem.message)


def _composed(found: Iterable[Found], cluster: Standalone, reviewed: set[str], partial: bool) -> Iterator[Remark]:
    """Say what is wrong with versions only together with what they include."""
    for one in found:
        subject = " ".join(one.identity)
        version = cluster.version(one.identity[1]) if one.identity[0] == "PromptVersion" else None
        if version is None or subject in reviewed:
            continue
        assessment = cluster.assess(version)
        alone = assessment.as_written.findings
        file, _, line = one.place.rpartition(":")
        for finding in unaccepted(assessment.findings, version) if assessment.includes else ():
            if finding in alone:
                continue
            severity = "warning" if partial and finding.reason in _MAY_BE_ELSEWHERE else finding.severity
            yield Remark(file, int(line), 1, severity, finding.reason, subject, finding.path, finding.message)
