"""The text of a file into objects as the API server would store them, and what is wrong with the rest, by file and line."""

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from promptops.api.v1alpha1 import API_VERSION, Prompt, PromptVersion
from promptops.api.v1alpha1.schema import Kind
from promptops.domain.manifests import mapping, metadata, parse_as, text
from promptops.domain.stored import as_stored
from promptops.workspace.stream import MAX_DOCUMENTS, BrokenDocument, Document, read_stream

SUFFIXES: Final = (".yaml", ".yml", ".json")
_KINDS: Final[Mapping[str, type[Kind]]] = {"Prompt": Prompt, "PromptVersion": PromptVersion}
_OURS: Final = API_VERSION.partition("/")[0]
_CONFIG_MAP_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "data", "binaryData", "immutable"})
_MAX_FLAWS: Final = 100
"""Of one file so many are told one by one."""

Identity = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True)
class Found:
    """An object in a file."""

    identity: Identity
    manifest: Mapping[str, Any]
    place: str
    """File and line."""


@dataclass(frozen=True)
class Flaw:
    """Something that is not served, and why. It quotes no prompt."""

    place: str
    message: str
    identity: Identity | None = None
    """The object that it was to be, as far as that can be told."""
    is_notice: bool = False
    """Nothing is wrong: it is for others."""
    is_slip: bool = False
    """The object is served as kubectl would apply it, which its author can hardly mean."""
    column: int | None = None

    def __str__(self) -> str:
        """Return place and message in one line."""
        return f"{self.place}: {self.message}"


@dataclass(frozen=True)
class FileReading:
    """What a file came to."""

    found: tuple[Found, ...] = ()
    flaws: tuple[Flaw, ...] = ()


def read_file(name: str, data: bytes) -> FileReading:
    """Read a file of one of the SUFFIXES as kubectl reads it. One bad document takes none of the others with it."""
    found: list[Found] = []
    flaws: list[Flaw] = []
    for one in _objects(name, data):
        if isinstance(one, Found):
            found.append(one)
        else:
            flaws.append(one)
    return FileReading(tuple(found), _bounded(name, flaws))


def documents_in(name: str, data: bytes) -> Iterator[Document | Flaw]:
    """Return every document of a file, and in its place a flaw for each that cannot be read."""
    written = _decoded(name, data)
    if isinstance(written, Flaw):
        yield written
        return
    for document in read_stream(written):
        if isinstance(document, BrokenDocument):
            yield Flaw(f"{name}:{document.line}", document.message, _guess(document), column=document.column)
        else:
            yield document


def _decoded(name: str, data: bytes) -> str | Flaw:
    """Return the text of a file: UTF-8, or UTF-16 when it says so in its first two bytes."""
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Flaw(f"{name}:{line}", "the file is not UTF-8")


def _bounded(name: str, flaws: list[Flaw]) -> tuple[Flaw, ...]:
    """What is left out may be any object, so that all that were good before stay."""
    if len(flaws) <= _MAX_FLAWS:
        return tuple(flaws)
    return (*flaws[:_MAX_FLAWS], Flaw(f"{name}:1", f"{len(flaws) - _MAX_FLAWS} more documents are wrong"))


def _objects(name: str, data: bytes) -> Iterator[Found | Flaw]:
    for document in documents_in(name, data):
        if isinstance(document, Flaw):
            yield document
            continue
        for slip in document.slips:
            message = f"{slip.message}; kubectl passes over it, and so it is passed over here: mend it"
            yield Flaw(f"{name}:{slip.line}", message, column=slip.column, is_slip=True)
        for one in items_of(document.value):
            yield read_object(one, f"{name}:{document.line}")


def _guess(document: BrokenDocument) -> Identity | None:
    """Tell which object a document that cannot be read was to be, so that its last good state goes on being served."""
    kind, name = text(document.kind), text(document.name)
    return (kind, name) if kind and name else None


def items_of(value: Any) -> Iterator[Any]:
    """Take a list of objects apart; its items may leave out what its kind says, as in a PromptList."""
    items = mapping(value).get("items")
    if not isinstance(items, list):
        yield value
        return
    kind = text(mapping(value).get("kind")).removesuffix("List")
    said = {"apiVersion": mapping(value).get("apiVersion"), "kind": kind}
    for item in items[:MAX_DOCUMENTS]:
        is_bare = bool(mapping(item)) and not (item.get("apiVersion") or item.get("kind"))
        yield said | item if is_bare else item


def read_object(value: Any, place: str) -> Found | Flaw:
    """Return the object that a value is, or why it is none that is served."""
    manifest = mapping(value)
    version, kind = text(manifest.get("apiVersion")), text(manifest.get("kind"))
    name = text(metadata(manifest).get("name"))
    if not (version and kind):
        return Flaw(place, "this is not a manifest: apiVersion and kind are required")
    if version == "v1" and kind == "ConfigMap":
        return _config_map(manifest, name, place)
    if kind == "Tenant" and version == API_VERSION:
        return Flaw(place, "a Tenant has a meaning in a cluster only; it is ignored", is_notice=True)
    if version == API_VERSION and (model := _KINDS.get(kind)):
        return _ours(manifest, model, (kind, name), place)
    if version.partition("/")[0] == _OURS:
        return Flaw(place, f"{kind} of {version} is not known; {API_VERSION} has Prompt, PromptVersion and Tenant")
    return Flaw(place, f"{kind} is none of ours; it is ignored", is_notice=True)


def _ours(manifest: Mapping[str, Any], model: type[Kind], identity: Identity, place: str) -> Found | Flaw:
    # status is what an operator wrote somewhere else; what is decided here is decided anew.
    written = {key: value for key, value in manifest.items() if key != "status"}
    _, findings = parse_as(model, written, "")
    if findings:
        wrong = "; ".join(finding.sentence for finding in findings)
        return Flaw(place, f"{' '.join(identity).strip()}: {wrong}", identity)
    return Found(identity, as_stored(written), place)


def _config_map(manifest: Mapping[str, Any], name: str, place: str) -> Found | Flaw:
    identity = ("ConfigMap", name)
    if not name:
        return Flaw(place, "ConfigMap: metadata.name: is required", identity)
    if unknown := sorted(manifest.keys() - _CONFIG_MAP_FIELDS):
        return Flaw(place, f"ConfigMap {name}: {unknown[0]}: unknown field", identity)
    for key, value in mapping(manifest.get("data")).items():
        if not isinstance(value, str):
            return Flaw(place, f"ConfigMap {name}: data.{key}: must be a string", identity)
    return Found(identity, manifest, place)
