"""What becomes of each object of a backup, by what is there already."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from promptops.api.v1alpha1.prompt_version import PromptVersionSpec
from promptops.domain.backup.records import RESTORING_ANNOTATION, Record
from promptops.domain.manifests import Manifest, annotation, mapping, metadata, spec_of, status_of, text
from promptops.domain.stored import as_stored

Verdict = Literal["create", "finish", "replace", "same", "differs"]
"""It is not there · a restore that was aborted made it · it is to be overwritten · it is as in the backup · it stays as it is."""

_SHOWN: Final = 60


@dataclass(frozen=True)
class Restoration:
    """One object, and what becomes of it."""

    record: Record
    found: Manifest | None
    verdict: Verdict
    why: str = ""
    """What differs, and what to do about it."""


def plan(record: Record, found: Manifest | None, *, overwrite: bool) -> Restoration:
    """Decide about one object. Nothing that differs is overwritten unless that is asked for; a version's content never is."""
    if found is None:
        return Restoration(record, None, "create")
    if metadata(found).get("deletionTimestamp"):
        return Restoration(record, found, "differs", "it is being deleted: wait until it is gone")
    if annotation(found, RESTORING_ANNOTATION):
        return Restoration(record, found, "finish")
    differences = tuple(_differences(record, found))
    if not differences:
        return Restoration(record, found, "same")
    said = "; ".join(differences)
    if fixed := _fixed(record, found):
        return Restoration(record, found, "differs", f"{fixed} never changes: delete it first if the backup's is meant")
    if overwrite:
        return Restoration(record, found, "replace", said)
    return Restoration(record, found, "differs", f"{said}: add --overwrite for what the backup has")


def _fixed(record: Record, found: Manifest) -> str:
    """Name what of a version differs that cannot be changed."""
    if record["kind"] == "Prompt":
        has = text(spec_of(found).get("promptId"))
        return "spec.promptId" if has and has != spec_of(record).get("promptId") else ""
    if record["kind"] != "PromptVersion":
        return ""
    wanted = spec_of(as_stored(record))
    return next(
        (f"spec.{name}" for name in PromptVersionSpec.fixed_fields() if wanted.get(name) != spec_of(found).get(name)),
        "",
    )


def _differences(record: Record, found: Manifest) -> Iterator[str]:
    wanted = as_stored(record) if record["kind"] in ("Prompt", "PromptVersion", "Tenant") else record
    for part in ("spec", "data", "binaryData"):
        mine, theirs = mapping(wanted.get(part)), mapping(found.get(part))
        for name in sorted(mine.keys() | theirs.keys()):
            if mine.get(name) != theirs.get(name):
                said = _values(mine.get(name), theirs.get(name)) if part == "spec" else "differs"
                yield f"{part}.{name} {said}"
    if record["kind"] == "Prompt" and (before := _served(record)) and (now := _served(found)) and before != now:
        yield f"it serves {now}, the backup {before}"


def _values(mine: object, theirs: object) -> str:
    """Quote what is short: a version's number, not its content."""
    sayable = all(value is None or (isinstance(value, str) and len(value) <= _SHOWN) for value in (mine, theirs))
    if not sayable:
        return "differs"
    return f"is {theirs or 'absent'}, the backup has {mine or 'none'}"


def _served(prompt: Manifest) -> str:
    return text(mapping(mapping(status_of(prompt).get("serving")).get("stable")).get("version"))
