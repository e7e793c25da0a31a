"""A cluster of one's own in memory: objects with uid, generation and status, decided upon as the operator decides."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from promptops.api.feed import Entry
from promptops.api.v1alpha1 import WATCH_LABEL
from promptops.domain.content.assessment import Assessment, look
from promptops.domain.content.composition import Mixture, mix
from promptops.domain.content.resolving import Resolver
from promptops.domain.content.sourcing import Judge, SourceText, judge
from promptops.domain.manifests import (
    Manifest,
    generation_of,
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
from promptops.domain.ownership import calls_of, config_maps_of, owner_uids, prompt_of, source_map_of, values_maps_of
from promptops.domain.reconcile import decide_prompt, decide_version
from promptops.domain.review import immutable_changes
from promptops.domain.snapshot import PromptSnapshot, ServedObservation, VersionSnapshot
from promptops.domain.statuses import said_of_prompt
from promptops.workspace.manifest_files import Flaw, Found, Identity

SCOPE: Final = "directory"
"""Tenant, namespace and field manager of everything here."""
_BEGINNING: Final = "1970-01-01T00:00:00Z"
"""Of no object can be told when it was made. Equal times leave the order to the uid, which follows from the name."""
_UIDS: Final = uuid.UUID("7d0d2f0e-5b1c-4b8e-9a35-6d0f6e1d7c11")
_SERVED: Final = ServedObservation(ready=1, total=1)
"""This process serves what it has decided."""
_MAX_STEPS: Final = 20
_MOST_MIXTURES: Final = 2000


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
    """Objects by kind and name. What is decided stays in their status until they are gone.

    Only what a change can concern is decided anew: one edit costs one decision, however many prompts there are.
    """

    def __init__(self) -> None:
        self._objects: dict[Identity, dict[str, Any]] = {}
        self._made: defaultdict[Identity, int] = defaultdict(int)
        """How often an object of that kind and name was made: a recreated one is another one."""
        self._versions: defaultdict[str, set[str]] = defaultdict(set)
        """Prompt → names of the versions that name it."""
        self._called: defaultdict[str, set[str]] = defaultdict(set)
        """What can be called → the prompts that can be called so."""
        self._applied: dict[Identity, Found] = {}
        self._refused: dict[Identity, Flaw] = {}
        self._undecided: set[str] = set()
        """Prompts that something changed for."""
        self._decided: dict[str, _Decided] = {}
        self._assessed: dict[str, tuple[int, Assessment]] = {}
        """What the content of a version came to, by its uid, and for which generation."""
        self._mixed: dict[Mixture, Assessment] = {}
        """What contents came to with what they include."""
        self._asking: defaultdict[str, set[str]] = defaultdict(set)
        """Name of a PromptVersion → the prompts that looked for it, as something that is included."""

    def apply(self, found: Iterable[Found]) -> tuple[Flaw, ...]:
        """Make the objects those that were found; return what the API server would have refused to change."""
        wanted = {one.identity: one for one in found}
        for identity, held in list(self._objects.items()):
            if identity not in wanted and not owner_uids(held):
                self._delete(identity)
        for identity, one in wanted.items():
            if self._applied.get(identity) is not one:
                self._applied[identity] = one
                self._put(one)
        return tuple(self._refused[identity] for identity in wanted if identity in self._refused)

    def decide(self, now: datetime) -> Decided:
        """Decide about every prompt that something changed for. What serves goes on when something better cannot."""
        for _ in range(_MAX_STEPS):
            # A decision may make or delete versions, which concerns whoever has a name like theirs.
            concerned, self._undecided = self._undecided, set()
            names = sorted(each for each in concerned if ("Prompt", each) in self._objects)
            for name in (*names, *filter(self._is_contested, names)):
                self._decided[name] = self._decide(name, now)
                self._undecided.discard(name)
            for name in names:
                self._decide_versions(name, now)
        names = sorted(self._decided)
        return Decided(
            tuple(entry for name in names if (entry := self._decided[name].entry) is not None),
            {digest: blob for name in names for digest, blob in self._decided[name].blobs.items()},
            tuple(problem for name in names for problem in self._decided[name].problems),
        )

    def _is_contested(self, name: str) -> bool:
        """Whether others want to be called so. Who has something to serve shows after a first look, and decides who may."""
        return any(self._called[call] - {name} for call in calls_of(self._objects["Prompt", name]))

    def versions_of(self, prompt: str) -> tuple[Manifest, ...]:
        """Return the PromptVersions that name a prompt, with the status that was decided."""
        return tuple(self._of("PromptVersion", self._versions[prompt]))

    def assess(self, version: Manifest) -> Assessment:
        """Return what the content of a PromptVersion comes to with what it includes."""
        return self._resolver(prompt_of(version)).assess(version)

    def version(self, name: str) -> Manifest | None:
        """Return a PromptVersion with the status that was decided."""
        return self._objects.get(("PromptVersion", name))

    def prompt(self, name: str) -> Manifest | None:
        """Return a Prompt with the status that was decided."""
        return self._objects.get(("Prompt", name))

    def _decide(self, name: str, now: datetime) -> "_Decided":
        prompt, before = self._objects["Prompt", name], self._decided.get(name, _NOTHING)
        published, blobs, judged = before.revision, dict(before.blobs), _Judged()
        for _ in range(_MAX_STEPS):
            outcome = decide_prompt(self._snapshot(prompt, published, judged), now)
            for created in outcome.create:
                self._create(("PromptVersion", name_of(created)), created, known=judged.latest)
            for pruned in outcome.prune:
                self._delete(("PromptVersion", name_of(pruned)))
            if outcome.status is not None:
                prompt["status"] = outcome.status
            offered = outcome.entry.revision if outcome.entry is not None else published
            if not (outcome.create or outcome.prune) and offered == published:
                break  # deciding again on what was written comes to the same
            published = offered
        blobs.update(
            (digest, found.canonical or b"") for digest, found in outcome.contents.items() if digest not in blobs
        )
        named = outcome.entry.digests() if outcome.entry is not None else frozenset()
        kept = {digest: blob for digest, blob in blobs.items() if digest in named}
        return _Decided(outcome.entry, kept, tuple(_problems(prompt)), published)

    def _decide_versions(self, prompt: str, now: datetime) -> None:
        held = self._objects.get(("Prompt", prompt))
        for name in self._versions[prompt]:
            version = self._objects["PromptVersion", name]
            version["status"] = decide_version(VersionSnapshot(version, held, assess=self.assess), now).status

    def _resolver(self, prompt: str) -> Resolver:
        def find(name: str) -> Manifest | None:
            self._asking[name].add(prompt)
            return self._objects.get(("PromptVersion", name))

        return Resolver(find, self._look, self._mix)

    def _mix(self, mixture: Mixture) -> Assessment:
        if mixture not in self._mixed:
            if len(self._mixed) >= _MOST_MIXTURES:
                del self._mixed[next(iter(self._mixed))]
            self._mixed[mixture] = mix(mixture)
        return self._mixed[mixture]

    def _look(self, version: Manifest) -> Assessment:
        """Look at the content of a version once."""
        uid, generation = uid_of(version), generation_of(version)
        known = self._assessed.get(uid)
        if known is None or known[0] != generation:
            known = self._assessed[uid] = (generation, look(version))
        return known[1]

    def _snapshot(self, prompt: Manifest, published: int | None, judge: Judge) -> PromptSnapshot:
        name, spec = name_of(prompt), spec_of(prompt)
        versions = self._versions[name] | {f"{name}-{text(spec.get('activeVersion'))}"}
        rivals = {rival for call in calls_of(prompt) for rival in self._called[call]} - {name}
        resolver = self._resolver(name)
        return PromptSnapshot(
            prompt=prompt,
            versions=tuple(self._of("PromptVersion", versions)),
            config_map=self._config_map(source_map_of(prompt)),
            values_maps={
                each: found for each in values_maps_of(prompt) if (found := self._config_map(each)) is not None
            },
            rivals=tuple(self._of("Prompt", rivals)),
            tenant=SCOPE,
            served=_SERVED,
            published_revision=published,
            included=frozenset(each for each in versions if self._asking.get(each)),
            assess=resolver.assess,
            judge=resolver.judging(judge),
        )

    def _config_map(self, name: str) -> Manifest | None:
        found = self._objects.get(("ConfigMap", name))
        return found if found is not None and label(found, WATCH_LABEL) == "true" else None

    def _of(self, kind: str, names: Iterable[str]) -> Iterator[Manifest]:
        return (self._objects[kind, name] for name in sorted(names) if (kind, name) in self._objects)

    def _put(self, one: Found) -> None:
        self._refused.pop(one.identity, None)
        held = self._objects.get(one.identity)
        if held is None:
            # A file that was exported from a cluster names owners that do not exist here.
            self._create(one.identity, one.manifest, owned=False)
        elif refused := immutable_changes(held, one.manifest):
            message = f"{' '.join(one.identity)}: {refused[0].sentence}"
            self._refused[one.identity] = Flaw(one.place, message, one.identity)
        else:
            self._forget(one.identity, held)
            _update(held, one.manifest)
            self._note(one.identity, held)

    def _create(
        self, identity: Identity, manifest: Manifest, *, owned: bool = True, known: Assessment | None = None
    ) -> None:
        """Make an object. `known` is what its content came to as a source, before it became a version."""
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
        if known is not None and not known.tests:
            self._assessed[uid_of(self._objects[identity])] = (1, known.below("spec.content"))
        self._note(identity, self._objects[identity])

    def _delete(self, identity: Identity) -> None:
        gone = self._objects.pop(identity, None)
        self._applied.pop(identity, None)
        self._refused.pop(identity, None)
        if gone is None:
            return
        self._forget(identity, gone)
        self._assessed.pop(uid_of(gone), None)
        if identity[0] == "Prompt":
            self._decided.pop(identity[1], None)
            for name in list(self._versions[identity[1]]):
                if uid_of(gone) in owner_uids(self._objects["PromptVersion", name]):
                    self._delete(("PromptVersion", name))

    def _note(self, identity: Identity, held: Manifest) -> None:
        """Enter an object under what it refers to, and note whom that concerns."""
        kind, name = identity
        if kind == "PromptVersion":
            self._versions[prompt_of(held)].add(name)
        for call in calls_of(held) if kind == "Prompt" else ():
            self._called[call].add(name)
        self._undecided |= self._concerned(identity, held)

    def _forget(self, identity: Identity, held: Manifest) -> None:
        """Do the opposite, before an object changes or goes."""
        kind, name = identity
        self._undecided |= self._concerned(identity, held)
        if kind == "PromptVersion":
            self._versions[prompt_of(held)].discard(name)
        for call in calls_of(held) if kind == "Prompt" else ():
            self._called[call].discard(name)

    def _concerned(self, identity: Identity, held: Manifest) -> set[str]:
        kind, name = identity
        if kind == "Prompt":
            return {rival for call in calls_of(held) for rival in self._called[call]} | {name}
        if kind == "PromptVersion":
            # A version may also stand in the way of another prompt's version of the same name.
            in_the_way = {each for each in _prefixes(name) if ("Prompt", each) in self._objects}
            return {prompt_of(held)} | in_the_way | self._asking.get(name, set())
        return {
            each
            for (kind, each), prompt in self._objects.items()
            if kind == "Prompt" and name in config_maps_of(prompt)
        }


@dataclass(frozen=True)
class _Decided:
    """What was decided about one prompt."""

    entry: Entry | None = None
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    problems: tuple[NotInForce, ...] = ()
    revision: int | None = None
    """The revision that was published last."""


_NOTHING: Final = _Decided()


class _Judged:
    """Looks at a source once while one prompt is decided, which takes several steps."""

    def __init__(self) -> None:
        self._known: list[tuple[SourceText, Assessment]] = []

    def __call__(self, source: SourceText) -> Assessment:
        for known, assessment in self._known:
            same = (known.format, known.value) == (source.format, source.value)
            if same and known.inline is source.inline and known.tests is source.tests:
                return assessment
        self._known.append((source, judge(source)))
        return self._known[-1][1]

    @property
    def latest(self) -> Assessment | None:
        """What the source came to; None when there is none."""
        return self._known[-1][1] if self._known else None


def _prefixes(version_name: str) -> Iterator[str]:
    """Yield what may be a prompt's name before a version's number."""
    parts = version_name.split("-")
    return ("-".join(parts[:end]) for end in range(1, len(parts)))


def _problems(prompt: Manifest) -> Iterator[NotInForce]:
    for condition in said_of_prompt(prompt).conditions or ():
        if condition.type == "Ready" and condition.status != "True":
            yield NotInForce(name_of(prompt), condition.reason, condition.message)


def _update(held: dict[str, Any], wanted: Manifest) -> None:
    """Make an object what its file says, and keep what the cluster knows of it."""
    generation = held["metadata"]["generation"] + (spec_of(held) != spec_of(wanted))
    known = {"metadata": held["metadata"], "status": status_of(held)}
    held.clear()
    held.update({**wanted, **known})
    labels = dict(mapping(metadata(wanted).get("labels")))
    held["metadata"] |= {"generation": generation, "labels": labels, "managedFields": [_managed(held)]}


def _managed(manifest: Manifest) -> dict[str, Any]:
    """Say that everything in the object came from the directory; history asks who wrote a field."""
    parts: dict[str, dict[str, Any]] = {}
    for part in ("spec", "data"):
        parts[f"f:{part}"] = {f"f:{key}": {} for key in mapping(manifest.get(part))}
    return {"manager": SCOPE, "operation": "Apply", "time": _BEGINNING, "fieldsV1": parts}
