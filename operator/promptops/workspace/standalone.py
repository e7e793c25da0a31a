"""A cluster of one's own in memory, decided upon as the operator decides. What is decided stays in the objects' status."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from promptops.api.feed import Entry
from promptops.api.v1alpha1 import WATCH_LABEL
from promptops.domain.content.assessment import Assessment, look
from promptops.domain.content.composition import Mixture, mix
from promptops.domain.content.numbers import order_of
from promptops.domain.content.resolving import Resolver
from promptops.domain.content.sourcing import Judge, SourceText, judge
from promptops.domain.manifests import Manifest, generation_of, label, name_of, spec_of, text, uid_of
from promptops.domain.ownership import number_of, prompt_of, source_map_of, values_maps_of
from promptops.domain.reconcile import decide_prompt, decide_version
from promptops.domain.reconcile.version import MOST_BELOW
from promptops.domain.snapshot import PromptSnapshot, ServedObservation, VersionSnapshot
from promptops.domain.statuses import said_of_prompt
from promptops.workspace.manifest_files import Flaw, Found, Identity
from promptops.workspace.objects import SCOPE, LocalObjects, Object

_NOBODY: Final = ServedObservation(ready=0, total=0)
"""Nobody has to be waited for: what was decided is served by the time that anybody can ask."""
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
    """Decides upon objects. Only what a change can concern is decided anew: one edit costs one decision, however many
    prompts there are."""

    def __init__(self) -> None:
        self._objects = LocalObjects(self._gone)
        self._decided: dict[str, _Decided] = {}
        self._assessed: dict[str, tuple[int, Assessment]] = {}
        """What the content of a version came to, by its uid, and for which generation."""
        self._mixed: dict[Mixture, Assessment] = {}
        """What contents came to with what they include."""

    def apply(self, found: Iterable[Found]) -> tuple[Flaw, ...]:
        """Make the objects those that were found; return what the API server would have refused to change."""
        return self._objects.apply(found)

    def decide(self, now: datetime) -> Decided:
        """Decide about every prompt that something changed for. What serves goes on when something better cannot."""
        for _ in range(_MAX_STEPS):
            # A decision may make or delete versions, which concerns whoever has a name like theirs.
            names = self._objects.concerned()
            for name in (*names, *filter(self._is_contested, names)):
                self._decided[name] = self._decide(name, now)
                self._objects.settle(name)
            for name in names:
                self._decide_versions(name, now)
        names = sorted(self._decided)
        return Decided(
            tuple(entry for name in names if (entry := self._decided[name].entry) is not None),
            {digest: blob for name in names for digest, blob in self._decided[name].blobs.items()},
            tuple(problem for name in names for problem in self._decided[name].problems),
        )

    def versions_of(self, prompt: str) -> tuple[Manifest, ...]:
        """Return the PromptVersions that name a prompt, with the status that was decided."""
        return tuple(self._objects.of("PromptVersion", self._objects.versions_of(prompt)))

    def assess(self, version: Manifest) -> Assessment:
        """Return what the content of a PromptVersion comes to with what it includes."""
        return self._resolver(prompt_of(version)).assess(version)

    def version(self, name: str) -> Manifest | None:
        """Return a PromptVersion with the status that was decided."""
        return self._objects.find("PromptVersion", name)

    def prompt(self, name: str) -> Manifest | None:
        """Return a Prompt with the status that was decided."""
        return self._objects.find("Prompt", name)

    def _is_contested(self, name: str) -> bool:
        """Whether others want to be called so. Who has something to serve shows after a first look, and decides who may."""
        return bool(self._objects.rivals_of(self._objects["Prompt", name]))

    def _decide(self, name: str, now: datetime) -> "_Decided":
        prompt, before = self._objects["Prompt", name], self._decided.get(name, _NOTHING)
        judged = _Judged()
        for _ in range(_MAX_STEPS):
            outcome = decide_prompt(self._snapshot(prompt, judged), now)
            for created in outcome.create:
                self._create(created, judged.latest)
            for pruned in outcome.prune:
                self._objects.delete(("PromptVersion", name_of(pruned)))
            if outcome.status is not None:
                prompt["status"] = outcome.status
            if not (outcome.create or outcome.prune):
                break  # deciding again on what was written comes to the same
        named = outcome.entry.digests() if outcome.entry is not None else frozenset()
        blobs = {digest: blob for digest, blob in before.blobs.items() if digest in named}
        for digest in named & outcome.contents.keys() - blobs.keys():
            blobs[digest] = outcome.contents[digest].canonical or b""
        return _Decided(outcome.entry, blobs, tuple(_problems(prompt)))

    def _decide_versions(self, prompt: str, now: datetime) -> None:
        held = self._objects.find("Prompt", prompt)
        below: tuple[Manifest, ...] = ()
        versions = self._objects.of("PromptVersion", self._objects.versions_of(prompt))
        for version in sorted(versions, key=lambda each: order_of(number_of(each))):
            snapshot = VersionSnapshot(version, held, below=below, assess=self.assess)
            version["status"] = decide_version(snapshot, now).status
            below = (version, *below)[:MOST_BELOW]

    def _resolver(self, prompt: str) -> Resolver:
        return Resolver(lambda name: self._objects.included(name, prompt), self._look, self._mix)

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

    def _snapshot(self, prompt: Object, judge: Judge) -> PromptSnapshot:
        name, spec, objects = name_of(prompt), spec_of(prompt), self._objects
        versions = objects.versions_of(name) | {f"{name}-{text(spec.get('activeVersion'))}"}
        resolver = self._resolver(name)
        return PromptSnapshot(
            prompt=prompt,
            versions=tuple(objects.of("PromptVersion", versions)),
            config_map=self._config_map(source_map_of(prompt)),
            values_maps={
                each: found for each in values_maps_of(prompt) if (found := self._config_map(each)) is not None
            },
            rivals=tuple(objects.of("Prompt", objects.rivals_of(prompt))),
            tenant=SCOPE,
            served=_NOBODY,
            included=frozenset(filter(objects.is_included, versions)),
            assess=resolver.assess,
            judge=resolver.judging(judge),
        )

    def _config_map(self, name: str) -> Manifest | None:
        found = self._objects.find("ConfigMap", name)
        return found if found is not None and label(found, WATCH_LABEL) == "true" else None

    def _create(self, version: Manifest, known: Assessment | None) -> None:
        """Make a PromptVersion. `known` is what its content came to as a source, before it became a version."""
        made = self._objects.create(("PromptVersion", name_of(version)), version)
        if known is not None and not known.tests:
            self._assessed[uid_of(made)] = (1, known.below("spec.content"))

    def _gone(self, identity: Identity, gone: Manifest) -> None:
        self._assessed.pop(uid_of(gone), None)
        if identity[0] == "Prompt":
            self._decided.pop(identity[1], None)


@dataclass(frozen=True)
class _Decided:
    """What was decided about one prompt."""

    entry: Entry | None = None
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    problems: tuple[NotInForce, ...] = ()


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


def _problems(prompt: Manifest) -> Iterator[NotInForce]:
    for condition in said_of_prompt(prompt).conditions or ():
        if condition.type == "Ready" and condition.status != "True":
            yield NotInForce(name_of(prompt), condition.reason, condition.message)
