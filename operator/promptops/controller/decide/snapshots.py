"""Gathers what one decision may look at. Reads the store, asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from promptops.api.feed import MAX_PINS
from promptops.api.v1alpha1 import WATCH_LABEL
from promptops.cache.signing import is_genuine
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import Key
from promptops.domain.content.composition import mix
from promptops.domain.content.references import Reference, references
from promptops.domain.content.resolving import Mix, Resolver
from promptops.domain.content.sourcing import Judge
from promptops.domain.manifests import Manifest, label, mapping, name_of, spec_of, text, uid_of
from promptops.domain.ownership import belongs, config_maps_of, number_of, prompt_of, source_map_of, values_maps_of
from promptops.domain.reconcile.memory import Memory
from promptops.domain.reconcile.version import MOST_BELOW
from promptops.domain.snapshot import (
    NO_GIFTS,
    ProjectionReport,
    PromptSnapshot,
    ServedObservation,
    TenantGifts,
    TenantRules,
    VersionSnapshot,
)

MOST_VERSIONS = 500
"""A decision looks at so many of a prompt's versions, the newest, and at those that spec or status name."""


def _no_gifts(namespace: str) -> TenantGifts:
    return NO_GIFTS


def _no_report(prompt: Manifest) -> ProjectionReport | None:
    return None


class Snapshots:
    """Makes snapshots from the store."""

    def __init__(
        self,
        store: ObjectStore,
        tenant_of: Callable[[str], str | None],
        rules_of: Callable[[str], TenantRules],
        served: Callable[[str, str], ServedObservation | None],
        published_revision: Callable[[str, str], int | None],
        judge: Judge,
        mix: Mix = mix,
        gifts_of: Callable[[str], TenantGifts] = _no_gifts,
        projected: Callable[[Manifest], ProjectionReport | None] = _no_report,
    ) -> None:
        self._store = store
        self._tenant_of = tenant_of
        self._rules_of = rules_of
        self._served = served
        self._published_revision = published_revision
        self._judge = judge
        self._mix = mix
        self._gifts_of = gifts_of
        self._projected = projected

    def of_prompt(self, key: Key) -> PromptSnapshot | None:
        """Gather everything about a Prompt; None when there is none of that name."""
        prompt = self._store.get("Prompt", key.namespace, key.name)
        if prompt is None:
            return None
        versions, more = self._looked_at(prompt)
        resolver = self._resolver(key.namespace, key.name)
        rules = self._rules_of(key.namespace)
        rivals = (self._store.get("Prompt", key.namespace, name) for name in self._store.relations.rivals_of(prompt))
        return PromptSnapshot(
            prompt=prompt,
            versions=versions,
            more_versions=more,
            config_map=self._config_map(key.namespace, source_map_of(prompt)),
            values_maps=self._values_maps(prompt),
            gifts=self._gifts_of(key.namespace),
            rivals=tuple(rival for rival in rivals if rival is not None),
            tenant=self._tenant_of(key.namespace),
            rules=rules,
            older_prompts=self._store.relations.older_prompts(prompt, rules.prompts) if rules.prompts else 0,
            served=self._served(key.namespace, key.name),
            published_revision=self._published_revision(key.namespace, key.name),
            projected=self._projected(prompt),
            verifies=is_genuine,
            assess=resolver.assess,
            judge=resolver.judging(self._judge),
            included=frozenset(filter(lambda name: self._is_included(key.namespace, name), map(name_of, versions))),
            settled=self._store.is_settled(prompt),
        )

    def unread(self, key: Key) -> tuple[Manifest, ...]:
        """Return the ConfigMaps that a Prompt's decision asks for and whose data has to be read first."""
        prompt = self._store.get("Prompt", key.namespace, key.name)
        names = config_maps_of(prompt) if prompt is not None else ()
        return tuple(each for name in names if (each := self._store.unread(key.namespace, name)) is not None)

    def of_version(self, key: Key) -> VersionSnapshot | None:
        """Gather everything about a PromptVersion; None when there is none of that name."""
        version = self._store.get("PromptVersion", key.namespace, key.name)
        if version is None:
            return None
        prompt = self._store.get("Prompt", key.namespace, prompt_of(version))
        including = tuple(sorted(self._served_with(key.namespace, key.name)))
        names = self._store.relations.versions_below(version, MOST_BELOW)
        below = (self._store.get("PromptVersion", key.namespace, name) for name in names)
        there = tuple(each for each in below if each is not None)
        return VersionSnapshot(version, prompt, including, there, self._resolver(key.namespace).assess)

    def included_in(self, prompt: Manifest) -> frozenset[str]:
        """Return the names of the versions that are included, directly or not, in what a prompt serves or served before."""
        namespace, memory = prompt["metadata"]["namespace"], Memory.of(prompt)
        waiting = [f"{name_of(prompt)}-{each.version}" for each in (memory.stable, memory.previous) if each]
        found: set[str] = set()
        while waiting:
            version = self._store.get("PromptVersion", namespace, waiting.pop())
            names = {each.name for each in _includes_of(version)} - found if version is not None else set()
            found |= names
            waiting += names
        return frozenset(found)

    def _served_with(self, namespace: str, name: str) -> Iterator[str]:
        """Yield the names of the versions that are served and include this one, directly or not."""
        for including in self._store.relations.including(namespace, name):
            version = self._store.get("PromptVersion", namespace, including)
            prompt = self._store.get("Prompt", namespace, prompt_of(version)) if version is not None else None
            if version is None or prompt is None or not belongs(version, name_of(prompt), uid_of(prompt)):
                continue
            stable = Memory.of(prompt).stable
            if stable is not None and stable.version == number_of(version):
                yield including

    def _is_included(self, namespace: str, name: str) -> bool:
        return self._store.relations.is_included(namespace, name)

    def _resolver(self, namespace: str, prompt: str | None = None) -> Resolver:
        """Looks at contents with what they include. A prompt is decided again when that arrives, goes or comes back."""

        def find(name: str) -> Manifest | None:
            if prompt is not None:
                self._store.relations.asks(namespace, prompt, name)
            return self._store.get("PromptVersion", namespace, name)

        return Resolver(find, self._store.contents.assess, self._mix)

    def not_looked_at(self, key: Key) -> tuple[str, ...]:
        """Return the uids of the versions that a Prompt's decision asks for and that have to be looked at elsewhere first.

        No version is read for it: who creates them faster than they are looked at has this asked for each of them.
        """
        prompt = self._store.get("Prompt", key.namespace, key.name)
        if prompt is None:
            return ()
        named = (f"{key.name}-{number}" for number in sorted(_named(prompt)))
        asked = (*self._store.relations.versions_of(key.namespace, key.name)[-MAX_PINS:], *named)
        uids = (self._store.uid_of("PromptVersion", key.namespace, each) for each in asked)
        to_look_at = self._store.contents.is_to_be_assessed
        return tuple(dict.fromkeys(uid for uid in uids if uid is not None and to_look_at(uid)))

    def versions_of(self, namespace: str, prompt: str) -> Iterator[Manifest]:
        """Yield every PromptVersion that names a prompt, whoever owns it, in the order of their numbers."""
        for name in self._store.relations.versions_of(namespace, prompt):
            if (version := self._store.get("PromptVersion", namespace, name)) is not None:
                yield version

    def _looked_at(self, prompt: Manifest) -> tuple[tuple[Manifest, ...], int]:
        """Return the versions that a decision looks at, and how many more there are."""
        namespace, name = prompt["metadata"]["namespace"], prompt["metadata"]["name"]
        names = self._store.relations.versions_of(namespace, name)
        older, newest = names[:-MOST_VERSIONS], names[-MOST_VERSIONS:]
        named = {f"{name}-{number}" for number in _named(prompt)} if older else set()
        chosen = (*(each for each in older if each in named), *newest)
        found = (self._store.get("PromptVersion", namespace, each) for each in chosen)
        return tuple(version for version in found if version is not None), len(names) - len(chosen)

    def _config_map(self, namespace: str, name: str) -> Manifest | None:
        found = self._store.get("ConfigMap", namespace, name) if name else None
        # The watch selects the label; whoever reads an object by name must not be shown more than the watch would.
        return self._store.data.whole(found) if found is not None and label(found, WATCH_LABEL) == "true" else None

    def _values_maps(self, prompt: Manifest) -> dict[str, Manifest]:
        namespace = prompt["metadata"]["namespace"]
        found = ((name, self._config_map(namespace, name)) for name in values_maps_of(prompt))
        return {name: each for name, each in found if each is not None}


def _includes_of(version: Manifest) -> tuple[Reference, ...]:
    return references(mapping(spec_of(version).get("content")))


def _named(prompt: Manifest) -> frozenset[str]:
    """The numbers that a prompt's spec or status name."""
    memory = Memory.of(prompt)
    spec, served = spec_of(prompt), (memory.stable, memory.previous, memory.fallback.version, *memory.ever_served)
    asked = {text(spec.get("activeVersion")), text(mapping(spec.get("fallback")).get("version"))}
    return frozenset({*asked, *(each.version for each in served if each)} - {""})
