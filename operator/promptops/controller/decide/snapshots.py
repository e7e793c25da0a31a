"""Gathers what one decision may look at. Reads the store, asks nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promptops.api.v1alpha1 import WATCH_LABEL
from promptops.controller.intake.relations import config_map_of, prompt_of
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import Key
from promptops.domain.manifests import Manifest, label
from promptops.domain.snapshot import PromptSnapshot, ServedObservation, VersionSnapshot

_UNGROUNDED = frozenset({"Converged", "Reconciling"})
"""Conditions that speak of the sidecars; no version's status follows from them."""


class Snapshots:
    """Makes snapshots from the store."""

    def __init__(
        self,
        store: ObjectStore,
        tenant_of: Callable[[str], str | None],
        served: Callable[[Manifest], ServedObservation | None],
        published_revision: Callable[[str, str], int | None],
    ) -> None:
        self._store = store
        self._tenant_of = tenant_of
        self._served = served
        self._published_revision = published_revision

    def of_prompt(self, key: Key) -> PromptSnapshot | None:
        """Gather everything about a Prompt; None when there is none of that name."""
        prompt = self._store.get("Prompt", key.namespace, key.name)
        if prompt is None:
            return None
        rivals = (self._store.get("Prompt", key.namespace, name) for name in self._store.relations.rivals_of(prompt))
        return PromptSnapshot(
            prompt=prompt,
            versions=self.versions_of(key.namespace, key.name),
            config_map=self._config_map(prompt),
            rivals=tuple(rival for rival in rivals if rival is not None),
            tenant=self._tenant_of(key.namespace),
            served=self._served(prompt),
            published_revision=self._published_revision(key.namespace, key.name),
            settled=self._store.is_settled(prompt),
        )

    def of_version(self, key: Key) -> VersionSnapshot | None:
        """Gather everything about a PromptVersion; None when there is none of that name."""
        version = self._store.get("PromptVersion", key.namespace, key.name)
        if version is None:
            return None
        return VersionSnapshot(version, self._store.get("Prompt", key.namespace, prompt_of(version)))

    def versions_of(self, namespace: str, prompt: str) -> tuple[Manifest, ...]:
        """Return the PromptVersions that name a prompt, whoever owns them."""
        names = self._store.relations.versions_of(namespace, prompt)
        found = (self._store.get("PromptVersion", namespace, name) for name in names)
        return tuple(version for version in found if version is not None)

    def version_grounds(self, version: Manifest) -> object:
        """Return what a version's status is decided from: equal grounds, equal status."""
        metadata = version["metadata"]
        prompt = self._store.get("Prompt", metadata["namespace"], prompt_of(version))
        return (
            metadata.get("generation"),
            metadata.get("ownerReferences"),
            version.get("status"),
            None if prompt is None else (prompt["metadata"]["uid"], _without_convergence(prompt.get("status") or {})),
        )

    def _config_map(self, prompt: Manifest) -> Manifest | None:
        name = config_map_of(prompt)
        found = self._store.get("ConfigMap", prompt["metadata"]["namespace"], name) if name else None
        # The watch selects the label; whoever reads an object by name must not be shown more than the watch would.
        return found if found is not None and label(found, WATCH_LABEL) == "true" else None


def _without_convergence(status: Manifest) -> dict[str, Any]:
    conditions = [each for each in status.get("conditions") or () if each.get("type") not in _UNGROUNDED]
    return {**status, "served": None, "phase": None, "conditions": conditions}
