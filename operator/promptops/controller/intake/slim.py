"""What of an object is kept: what a decision can look at. An API server's copy is three times as large."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import msgspec

from promptops.api.v1alpha1 import ACCEPT_ANNOTATION, GENERATED_LABEL, KEEP_LABEL, PROMPT_LABEL, WATCH_LABEL
from promptops.api.wire import read_value
from promptops.domain.manifests import Manifest, annotation, mapping, metadata, sequence

Packed: TypeAlias = "bytes | dict[str, Any]"
"""An object as it is kept: JSON, a third of what it takes as mappings, or itself when it is none."""

_PACKED = frozenset({"Prompt", "PromptVersion"})
"""The kinds of which there are thousands. Of the others there are few, and every decision asks for one."""
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
    """Return an object with only what decisions look at."""
    read = metadata(manifest)
    kept = {key: read[key] for key in _KEPT if key in read}
    if labels := {key: value for key, value in mapping(read.get("labels")).items() if key in _LABELS}:
        kept["labels"] = labels
    if means := annotation(manifest, ACCEPT_ANNOTATION):
        kept["annotations"] = {ACCEPT_ANNOTATION: means}
    if kind in _OWNED and (owners := _owners(kind, read)):
        kept["managedFields"] = owners
    if "namespace" in kept:
        kept["namespace"] = sys.intern(str(kept["namespace"]))  # the same string for all of its objects
    return {**manifest, "metadata": kept}


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


def packed(kind: str, slim: dict[str, Any]) -> Packed:
    """Return an object as it is to be kept."""
    if kind not in _PACKED:
        return slim
    try:
        return msgspec.json.encode(slim)
    except (TypeError, ValueError, RecursionError):
        return slim  # no JSON that nests so deep or counts so high: whatever is decided about it, it stays as it came


def unpacked(kept: Packed) -> dict[str, Any]:
    """Return an object that was kept. Each caller of one that was packed has a copy of its own."""
    return kept if isinstance(kept, dict) else cast(dict[str, Any], read_value(kept))
