"""A cluster of one's own in memory: objects with uid, generation and status, decided upon as the operator decides."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from promptops.api.feed import Entry
from promptops.api.v1alpha1 import WATCH_LABEL
from promptops.api.v1alpha1.prompt_version import PromptVersionSpec
from promptops.domain.manifests import (
    Manifest,
    label,
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
from promptops.domain.reconcile import decide_prompt, decide_version
from promptops.domain.snapshot import PromptSnapshot, ServedObservation, VersionSnapshot
from promptops.workspace.manifest_files import Flaw, Found, Identity

SCOPE: Final = "directory"
"""Tenant, namespace and field manager of everything here."""
_BEGINNING: Final = "1970-01-01T00:00:00Z"
"""Of no object can be told when it was made. Equal times leave the order to the uid, which follows from the name."""
_UIDS: Final = uuid.UUID("7d0d2f0e-5b1c-4b8e-9a35-6d0f6e1d7c11")
_SERVED: Final = ServedObservation(ready=1, total=1)
"""This process serves what it has decided."""
_MAX_STEPS: Final = 20


@dataclass(frozen=True)
class NotInForce:
    """A prompt that does not stand as its author wants."""

    prompt: str
    reason: str
    message: str


@dataclass(frozen=True)
class Decided:
    """What is served, and what stands in the way of serving more."""

    entries: tuple[Entry, ...]
    blobs: Mapping[str, bytes]
    problems: tuple[NotInForce, ...]


class Standalone:
    """Objects by kind and name. What is decided stays in their status until they are gone."""

    def __init__(self) -> None:
        self._objects: dict[Identity, dict[str, Any]] = {}
        self._made: defaultdict[Identity, int] = defaultdict(int)
        """How often an object of that kind and name was made: a recreated one is another one."""
        self._versions: defaultdict[str, set[str]] = defaultdict(set)
        """Prompt → names of the versions that name it."""
        self._published: dict[str, int] = {}
        self._blobs: dict[str, bytes] = {}

    def apply(self, found: Iterable[Found]) -> tuple[Flaw, ...]:
        """Make the objects those that were found; return what the API server would have refused to change."""
        wanted = {one.identity: one for one in found}
        for identity, held in list(self._objects.items()):
            if identity not in wanted and not owner_uids(held):
                self._delete(identity)
        return tuple(flaw for one in wanted.values() for flaw in self._put(one))

    def decide(self, now: datetime) -> Decided:
        """Decide about every prompt. What serves goes on serving when something better cannot."""
        called = self._called()
        names = sorted(name for kind, name in self._objects if kind == "Prompt")
        decided = {name: self._decide(name, called, now) for name in names}
        # Who has something to serve shows after the first look, and decides who keeps an id.
        contested = [
            name for name in names if any(called[call] - {name} for call in _calls(self._objects["Prompt", name]))
        ]
        decided |= {name: self._decide(name, called, now) for name in contested}
        entries = tuple(entry for entry in decided.values() if entry is not None)
        for (kind, _), version in self._objects.items():
            if kind == "PromptVersion":
                prompt = self._objects.get(("Prompt", prompt_of(version)))
                version["status"] = decide_version(VersionSnapshot(version, prompt), now).status
        named = {digest for entry in entries for digest in entry.digests()}
        self._blobs = {digest: blob for digest, blob in self._blobs.items() if digest in named}
        return Decided(entries, dict(self._blobs), tuple(problem for name in names for problem in self._problem(name)))

    def _decide(self, name: str, called: Mapping[str, set[str]], now: datetime) -> Entry | None:
        prompt = self._objects["Prompt", name]
        outcome = decide_prompt(self._snapshot(prompt, called), now)
        for _ in range(_MAX_STEPS):
            for created in outcome.create:
                self._create(("PromptVersion", name_of(created)), created)
            for pruned in outcome.prune:
                self._delete(("PromptVersion", name_of(pruned)))
            if outcome.entry is not None:
                self._published[name] = outcome.entry.revision
            if not outcome.create and outcome.status in (None, status_of(prompt)):
                break
            if outcome.status is not None:
                prompt["status"] = outcome.status
            outcome = decide_prompt(self._snapshot(prompt, called), now)
        self._blobs.update((blob.digest, blob.content.encode()) for blob in outcome.blobs)
        return outcome.entry

    def _snapshot(self, prompt: Manifest, called: Mapping[str, set[str]]) -> PromptSnapshot:
        name, spec = name_of(prompt), spec_of(prompt)
        versions = self._versions[name] | {f"{name}-{text(spec.get('activeVersion'))}"}
        rivals = {rival for call in _calls(prompt) for rival in called[call]} - {name}
        reference = mapping(mapping(spec.get("source")).get("configMapKeyRef"))
        config_map = self._objects.get(("ConfigMap", text(reference.get("name"))))
        visible = config_map is not None and label(config_map, WATCH_LABEL) == "true"
        return PromptSnapshot(
            prompt=prompt,
            versions=tuple(self._of("PromptVersion", versions)),
            config_map=config_map if visible else None,
            rivals=tuple(self._of("Prompt", rivals)),
            tenant=SCOPE,
            served=_SERVED,
            published_revision=self._published.get(name),
        )

    def _of(self, kind: str, names: Iterable[str]) -> Iterator[Manifest]:
        return (self._objects[kind, name] for name in sorted(names) if (kind, name) in self._objects)

    def _called(self) -> dict[str, set[str]]:
        called: defaultdict[str, set[str]] = defaultdict(set)
        for (kind, name), held in self._objects.items():
            for call in _calls(held) if kind == "Prompt" else ():
                called[call].add(name)
        return called

    def _problem(self, name: str) -> Iterator[NotInForce]:
        for condition in map(mapping, sequence(status_of(self._objects["Prompt", name]).get("conditions"))):
            if condition.get("type") == "Ready" and condition.get("status") != "True":
                yield NotInForce(name, text(condition.get("reason")), text(condition.get("message")))

    def _put(self, one: Found) -> Iterator[Flaw]:
        held = self._objects.get(one.identity)
        if held is None:
            # A file that was exported from a cluster names owners that do not exist here.
            self._create(one.identity, one.manifest, owned=False)
        elif refused := _immutable_change(held, one.manifest):
            yield Flaw(one.place, f"{' '.join(one.identity)}: {refused}", one.identity)
        else:
            generation = held["metadata"]["generation"] + (spec_of(held) != spec_of(one.manifest))
            known = {"metadata": held["metadata"], "status": status_of(held)}
            held.clear()
            held.update({**one.manifest, **known})
            labels = dict(mapping(metadata(one.manifest).get("labels")))
            held["metadata"] |= {"generation": generation, "labels": labels, "managedFields": [_managed(held)]}

    def _create(self, identity: Identity, manifest: Manifest, *, owned: bool = True) -> None:
        kind, name = identity
        self._made[identity] += 1
        given = metadata(manifest)
        self._objects[identity] = {
            **manifest,
            "metadata": {
                "name": name,
                "namespace": SCOPE,
                "uid": str(uuid.uuid5(_UIDS, f"{kind}/{name}/{self._made[identity]}")),
                "generation": 1,
                "creationTimestamp": _BEGINNING,
                "labels": dict(mapping(given.get("labels"))),
                "ownerReferences": list(sequence(given.get("ownerReferences"))) if owned else [],
                "managedFields": [_managed(manifest)],
            },
        }
        if kind == "PromptVersion":
            self._versions[prompt_of(manifest)].add(name)

    def _delete(self, identity: Identity) -> None:
        gone = self._objects.pop(identity, None)
        if gone is None:
            return
        if identity[0] == "PromptVersion":
            self._versions[prompt_of(gone)].discard(identity[1])
        if identity[0] == "Prompt":
            self._published.pop(identity[1], None)
            for name in list(self._versions[identity[1]]):
                if uid_of(gone) in owner_uids(self._objects["PromptVersion", name]):
                    self._delete(("PromptVersion", name))


def _calls(prompt: Manifest) -> frozenset[str]:
    """What applications can call a prompt."""
    return frozenset({name_of(prompt), text(spec_of(prompt).get("promptId"))} - {""})


def _immutable_change(held: Manifest, wanted: Manifest) -> str:
    before, after = spec_of(held), spec_of(wanted)
    if held.get("kind") == "PromptVersion":
        changed = [name for name in PromptVersionSpec.fixed_fields() if before.get(name) != after.get(name)]
        advice = "create a new version, or keep the content in the Prompt's spec.source while you edit it"
        return f"spec.{changed[0]}: it cannot be changed: {advice}" if changed else ""
    if before.get("promptId") and before.get("promptId") != after.get("promptId"):
        return "spec.promptId: it cannot be changed or removed once set: applications ask by it"
    return ""


def _managed(manifest: Manifest) -> dict[str, Any]:
    """Say that everything in the object came from the directory; history asks who wrote a field."""
    parts: dict[str, dict[str, Any]] = {}
    for part in ("spec", "data"):
        parts[f"f:{part}"] = {f"f:{key}": {} for key in mapping(manifest.get(part))}
    return {"manager": SCOPE, "operation": "Apply", "time": _BEGINNING, "fieldsV1": parts}
