"""What of an object is kept: what a decision can look at. An API server's copy is three times as large."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from promptops.api.v1alpha1 import GENERATED_LABEL, KEEP_LABEL, PROMPT_LABEL, WATCH_LABEL
from promptops.api.wire import read_value
from promptops.domain.manifests import Manifest, mapping, metadata, sequence

_INTERNED_CHARACTERS = 128
_KEPT = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "ownerReferences",
)
_LABELS = frozenset({GENERATED_LABEL, KEEP_LABEL, PROMPT_LABEL, WATCH_LABEL})
_OWNED: Mapping[str, tuple[str, tuple[str, ...] | None]] = {
    "Prompt": ("f:spec", ("f:activeVersion", "f:source")),
    "ConfigMap": ("f:data", None),
}
"""Kind → fields whose last writer stands in a history; None: all of them."""


def slimmed(kind: str, manifest: Manifest) -> dict[str, Any]:
    """Return an object with only what decisions look at, its keys shared with all others."""
    read = metadata(manifest)
    kept = {key: read[key] for key in _KEPT if key in read}
    if labels := {key: value for key, value in mapping(read.get("labels")).items() if key in _LABELS}:
        kept["labels"] = labels
    if kind in _OWNED and (owners := _owners(kind, read)):
        kept["managedFields"] = owners
    slim = {**manifest, "metadata": kept}
    return _shared(slim)


def _owners(kind: str, read: Manifest) -> list[dict[str, Any]]:
    root, fields = _OWNED[kind]
    owners: list[dict[str, Any]] = []
    for each in map(mapping, sequence(read.get("managedFields"))):
        owned = mapping(mapping(each.get("fieldsV1")).get(root))
        names = [name for name in owned if fields is None or name in fields]
        if names and not each.get("subresource"):
            known: dict[str, Any] = {"fieldsV1": {root: {name: {} for name in names}}}
            owners.append({"manager": each.get("manager"), "time": each.get("time"), **known})
    return owners


def _shared(slim: dict[str, Any]) -> dict[str, Any]:
    """Decoding has a memory for keys; whoever read the object from the wire may have had none. Values that many have, such
    as reasons and digests, are the same string in all of them."""
    try:
        decoded: dict[str, Any] = read_value(msgspec.json.encode(slim))
    except (TypeError, ValueError, RecursionError):
        return slim
    for part in ("metadata", "status"):
        if part in decoded:
            decoded[part] = _interned(decoded[part])
    return decoded


def _interned(value: Any) -> Any:
    """Return the same with short strings that are there once. What msgspec has decoded is never deep."""
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= _INTERNED_CHARACTERS else value
    if isinstance(value, dict):
        for key, each in value.items():
            value[key] = _interned(each)
    elif isinstance(value, list):
        value[:] = map(_interned, value)
    return value
