"""What a backup keeps of an object: what people wrote, and of statuses what later decisions look back on."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from promptops.domain.manifests import (
    Manifest,
    annotation,
    mapping,
    metadata,
    name_of,
    sequence,
    spec_of,
    status_of,
    text,
    uid_of,
)
from promptops.domain.ownership import owner_uids, prompt_of

Record = dict[str, Any]
"""An object as it stands in a backup."""

OWNED_ANNOTATION: Final = "promptops.io/owned-by-prompt"
"""In a backup alone: the version was made from its Prompt's source, and goes with it."""
RESTORING_ANNOTATION: Final = "promptops.io/restoring"
"""Of a Prompt that a restore has not finished: it asks for nothing until its status is there."""
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
KINDS: Final = ("Secret", "Tenant", "ConfigMap", "PromptVersion", "Prompt")
"""In the order in which they are put back: whoever refers to another comes after it."""

_BODY: Final = ("type", "immutable", "data", "binaryData", "spec")
_NOT_KEPT: Final = frozenset({OWNED_ANNOTATION, RESTORING_ANNOTATION, LAST_APPLIED})


class HalfRestored(Exception):
    """A Prompt asks for nothing because a restore was aborted: what it should ask for stands in that backup alone."""


def records(objects: Iterable[Manifest]) -> tuple[Record, ...]:
    """Return what is kept of some objects, in the order in which it is put back. What is going already is left out.

    Raises HalfRestored.
    """
    there = [each for each in objects if not metadata(each).get("deletionTimestamp")]
    uids = {(_namespace(each), name_of(each)): uid_of(each) for each in there if each.get("kind") == "Prompt"}
    kept = [_record(each, uids) for each in there if not _goes_with_another(each, uids)]
    return tuple(sorted(kept, key=place))


def place(record: Manifest) -> tuple[int, str, str]:
    """Return what records are sorted by: kind, namespace, name."""
    return KINDS.index(text(record.get("kind"))), _namespace(record), name_of(record)


def title(record: Manifest) -> str:
    """Name an object in a sentence."""
    namespace = _namespace(record)
    return f"{record.get('kind')} {namespace + '/' if namespace else ''}{name_of(record)}"


def is_owned(record: Manifest) -> bool:
    """Whether a version in a backup was made from its Prompt's source."""
    return annotation(record, OWNED_ANNOTATION) == "true"


def _record(manifest: Manifest, prompts: Mapping[tuple[str, str], str]) -> Record:
    if annotation(manifest, RESTORING_ANNOTATION):
        raise HalfRestored(f"{title(manifest)} is half restored: run that restore to its end first")
    given = metadata(manifest)
    annotations = {key: value for key, value in mapping(given.get("annotations")).items() if key not in _NOT_KEPT}
    if _owner(manifest, prompts) in owner_uids(manifest):
        annotations[OWNED_ANNOTATION] = "true"
    named = {key: given[key] for key in ("name", "namespace") if given.get(key)}
    marked = {"labels": _sorted(given.get("labels")), "annotations": _sorted(annotations)}
    record = {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": named | {key: value for key, value in marked.items() if value},
        **{key: manifest[key] for key in _BODY if key in manifest},
    }
    status = _STATUS.get(text(manifest.get("kind")), _nothing)(status_of(manifest))
    return record | ({"status": status} if status else {})


def _goes_with_another(manifest: Manifest, prompts: Mapping[tuple[str, str], str]) -> bool:
    """Whether a version belongs to a Prompt that is gone, as garbage collection is about to find out."""
    owners = owner_uids(manifest) if manifest.get("kind") == "PromptVersion" else frozenset[str]()
    return bool(owners) and _owner(manifest, prompts) not in owners


def _owner(manifest: Manifest, prompts: Mapping[tuple[str, str], str]) -> str:
    return prompts.get((_namespace(manifest), prompt_of(manifest)), "")


def _namespace(manifest: Manifest) -> str:
    return text(metadata(manifest).get("namespace"))


def _sorted(pairs: object) -> dict[str, Any]:
    return dict(sorted(mapping(pairs).items()))


def _nothing(status: Manifest) -> Record:
    return {}


def _of_prompt(status: Manifest) -> Record:
    """What was served counts: a version that the spec names and that was never let in is not let in by a restore."""
    return {key: status[key] for key in ("serving", "previous", "latestVersion", "values", "history") if key in status}


def _of_version(status: Manifest) -> Record:
    """The digest that was seen first, and whether it was ever served."""
    used = [each for each in map(mapping, sequence(status.get("conditions"))) if each.get("type") == "InUse"]
    return {key: status[key] for key in ("digest",) if key in status} | ({"conditions": used} if used else {})


def _of_tenant(status: Manifest) -> Record:
    """Who holds a namespace keeps it."""
    rows = map(mapping, sequence(status.get("claims")))
    claims = [{key: row[key] for key in ("namespace", "state", "holder") if key in row} for row in rows]
    return {"claims": claims} if claims else {}


_STATUS: Final[Mapping[str, Callable[[Manifest], Record]]] = {
    "Prompt": _of_prompt,
    "PromptVersion": _of_version,
    "Tenant": _of_tenant,
}


def asks_for_nothing_yet(prompt: Manifest) -> Record:
    """Return a Prompt as a restore creates it: marked, and asking for nothing. Its status is written before it asks."""
    spec = {key: value for key, value in spec_of(prompt).items() if key not in _ASKS}
    annotations = {**mapping(metadata(prompt).get("annotations")), RESTORING_ANNOTATION: "true"}
    bare = {key: value for key, value in prompt.items() if key != "status"}
    return {**bare, "metadata": {**metadata(prompt), "annotations": annotations}, "spec": spec}


_ASKS: Final = frozenset({"activeVersion", "activeDigest", "source"})
