"""The text of a file into objects as the API server would store them, and what is wrong with the rest, by file and line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from promptops.api.v1alpha1 import API_VERSION, Prompt, PromptVersion
from promptops.api.v1alpha1.schema import Kind
from promptops.domain.content.documents import read_json, read_yaml
from promptops.domain.manifests import mapping, metadata, parse_as, text
from promptops.domain.stored import as_stored
from promptops.rendering.errors import InvalidDocument

SUFFIXES: Final = (".yaml", ".yml", ".json")
_KINDS: Final[Mapping[str, type[Kind]]] = {"Prompt": Prompt, "PromptVersion": PromptVersion}
_OURS: Final = API_VERSION.partition("/")[0]
_SEPARATOR: Final = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_CONFIG_MAP_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "data", "binaryData", "immutable"})
_MAX_ITEMS: Final = 10_000

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

    def __str__(self) -> str:
        """Return place and message in one line."""
        return f"{self.place}: {self.message}"


@dataclass(frozen=True)
class FileReading:
    """What a file came to."""

    found: tuple[Found, ...] = ()
    flaws: tuple[Flaw, ...] = ()


def read_file(name: str, data: bytes) -> FileReading:
    """Read a file of one of the SUFFIXES. One bad document takes none of the others with it."""
    try:
        written = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return FileReading(flaws=(Flaw(f"{name}:{line}", "the file is not UTF-8"),))
    each = list(_objects(name, written))
    return FileReading(
        tuple(one for one in each if isinstance(one, Found)), tuple(one for one in each if isinstance(one, Flaw))
    )


def _objects(name: str, written: str) -> Iterator[Found | Flaw]:
    for line, document in _documents(name, written):
        read = read_json if name.endswith(".json") else read_yaml
        try:
            value = read(document)
        except InvalidDocument as error:
            # Its lines are those of the document; the reader looks for those of the file.
            message = error.message.removeprefix(f"line {error.line}, column {error.column}: ")
            yield Flaw(f"{name}:{line + error.line - 1}", message, _guess(document))
            continue
        place = f"{name}:{line + _first_line(document)}"
        for one in _items(value):
            yield _object(one, place)


def _documents(name: str, written: str) -> Iterator[tuple[int, str]]:
    """Split as kubectl does, so that a document that cannot be read does not hide the next one."""
    starts = [0]
    if not name.endswith(".json"):
        starts += [found.start() for found in _SEPARATOR.finditer(written) if found.start()]
    for start, end in zip(starts, [*starts[1:], len(written)], strict=True):
        yield written.count("\n", 0, start) + 1, written[start:end]


def _first_line(document: str) -> int:
    """Return how many lines stand before the first one that says something."""
    for number, line in enumerate(document.splitlines()):
        if line.strip() and not line.startswith(("#", "---")):
            return number
    return 0


def _guess(document: str) -> Identity | None:
    """Tell which object a document that cannot be read was to be, so that its last good state goes on being served."""
    kind = re.search(r'^"?kind"?:[ \t]*"?(\w+)', document, re.MULTILINE)
    name = re.search(r'^metadata:[ \t]*\r?\n(?:[ \t]+.*\r?\n)*?[ \t]+name:[ \t]*"?([\w.-]+)', document, re.MULTILINE)
    return (kind[1], name[1]) if kind and name else None


def _items(value: Any) -> Iterator[Any]:
    if value is None:
        return
    if mapping(value).get("kind") == "List" and isinstance(items := mapping(value).get("items"), list):
        yield from items[:_MAX_ITEMS]
    else:
        yield value


def _object(value: Any, place: str) -> Found | Flaw:
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
