"""Versions as an OCI image layout, which every registry's tools copy: each file under the digest of its bytes. No I/O.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md, and an artifact as manifest.md there describes it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from promptops.api.wire import Unreadable, read_value
from promptops.domain.backup.promotion import DIGEST_ANNOTATION, CannotPromote
from promptops.domain.manifests import Manifest, annotation, mapping, name_of, text
from promptops.domain.ownership import number_of, prompt_of

ARTIFACT_TYPE: Final = "application/vnd.promptops.release.v1alpha1"
"""Of a manifest: a version, and what it includes."""
LAYER_TYPE: Final = "application/vnd.promptops.promptversion.v1alpha1+yaml"
"""Of a layer: one PromptVersion, the file that goes through git elsewhere."""
MARKER, INDEX = "oci-layout", "index.json"
PROMPT_ANNOTATION: Final = "promptops.io/prompt"
VERSION_ANNOTATION: Final = "promptops.io/version"
_INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
_EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
_NAME: Final = "org.opencontainers.image.ref.name"
_TITLE: Final = "org.opencontainers.image.title"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")

Read = Callable[[str], bytes]
"""Returns the bytes of a file of the layout. Raises CannotPromote when it cannot be had."""


@dataclass(frozen=True)
class Unpacked:
    """What a layout has, each byte as its digest says."""

    files: Mapping[str, bytes]
    """The versions, by where in the layout each stands."""
    claims: Mapping[str, str]
    """The digest that each manifest promises of its version, by the version's name."""


@dataclass(frozen=True)
class Packable:
    """An exported version, and its bytes."""

    manifest: Manifest
    data: bytes

    @property
    def digest(self) -> str:
        """What its content has to come to."""
        return annotation(self.manifest, DIGEST_ANNOTATION)


def packed(version: Packable, included: Iterable[Packable], beside: bytes | None) -> dict[str, bytes]:
    """Return the files of a layout with one exported version and what it includes, the index last.

    The same versions are the same bytes. `beside`: the index that is there already; what else it names stays in it.
    Raises CannotPromote when it is none.
    """
    blobs: dict[str, bytes] = {}

    def stored(data: bytes, kind: str, **annotations: str) -> dict[str, Any]:
        blobs[(digest := _digest(data))] = data
        described = {"mediaType": kind, "digest": digest, "size": len(data)}
        return described | ({"annotations": annotations} if annotations else {})

    def layer(each: Packable) -> dict[str, Any]:
        promised = {_TITLE: f"{name_of(each.manifest)}.yaml", DIGEST_ANNOTATION: each.digest}
        return stored(each.data, LAYER_TYPE, **promised)

    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST_TYPE,
        "artifactType": ARTIFACT_TYPE,
        "config": stored(b"{}", _EMPTY_TYPE),
        "layers": [layer(version), *map(layer, sorted(included, key=lambda each: name_of(each.manifest)))],
        "annotations": {
            PROMPT_ANNOTATION: prompt_of(version.manifest),
            VERSION_ANNOTATION: number_of(version.manifest),
            DIGEST_ANNOTATION: version.digest,
        },
    }
    entry = stored(_json(manifest), _MANIFEST_TYPE, **{_NAME: name_of(version.manifest)}) | {
        "artifactType": ARTIFACT_TYPE
    }
    files = {_place(digest): data for digest, data in blobs.items()}
    return files | {MARKER: _json({"imageLayoutVersion": "1.0.0"}), INDEX: _index(entry, beside)}


def unpacked(read: Read) -> Unpacked:
    """Return the versions of a layout. Raises CannotPromote, naming the file that is not what it should be."""
    if _value(read(MARKER), MARKER).get("imageLayoutVersion") != "1.0.0":
        raise CannotPromote(f"{MARKER}: this is no image layout of version 1.0.0")
    files: dict[str, bytes] = {}
    claims: dict[str, str] = {}
    for entry in _entries(read(INDEX)):
        place, data = _checked(entry, INDEX, read)
        manifest = _value(data, place)
        if manifest.get("artifactType") != ARTIFACT_TYPE:
            raise CannotPromote(f"{place}: promptops export did not write this: import a layout with versions alone")
        promised = mapping(manifest.get("annotations"))
        name = f"{text(promised.get(PROMPT_ANNOTATION))}-{text(promised.get(VERSION_ANNOTATION))}"
        claims[name] = text(promised.get(DIGEST_ANNOTATION))
        _checked(mapping(manifest.get("config")), place, read)
        files |= dict(_checked(layer, place, read) for layer in _list(manifest.get("layers"), place))
    if not files:
        raise CannotPromote(f"{INDEX}: it names no version")
    return Unpacked(files, claims)


def _index(entry: Mapping[str, Any], beside: bytes | None) -> bytes:
    others = [each for each in _entries(beside) if _named(each) != _named(entry)] if beside is not None else []
    manifests = sorted((*others, entry), key=_named)
    return _json({"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": manifests})


def _named(entry: Mapping[str, Any]) -> str:
    return text(mapping(entry.get("annotations")).get(_NAME))


def _entries(index: bytes) -> list[Mapping[str, Any]]:
    return _list(_value(index, INDEX).get("manifests"), INDEX)


def _checked(described: Mapping[str, Any], where: str, read: Read) -> tuple[str, bytes]:
    """Where something stands, and its bytes, which have the digest that was said of them."""
    digest = text(described.get("digest"))
    if not _DIGEST.fullmatch(digest):
        raise CannotPromote(f"{where}: a digest in it is not sha256: and 64 hexadecimal digits")
    place = _place(digest)
    data = read(place)
    if (found := _digest(data)) != digest or len(data) != described.get("size"):
        raise CannotPromote(f"{place}: it was changed on the way: it has {len(data)} bytes with the digest {found}")
    return place, data


def _value(data: bytes, where: str) -> Mapping[str, Any]:
    try:
        return mapping(read_value(data))
    except Unreadable as error:
        raise CannotPromote(f"{where}: it {error}") from None


def _list(value: object, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise CannotPromote(f"{where}: it does not list what it has")
    return [mapping(each) for each in value]


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
