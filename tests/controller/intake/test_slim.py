"""What is kept of an object: all that a decision looks at, and little else."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from promptops.controller.intake.slim import slimmed
from promptops.controller.intake.store import ObjectStore
from promptops.domain.reconcile.history import latest_manager
from tests.controller.manifests import config_map, prompt, version

BYTES_PER_OBJECT = 3200


def managed(manager: str, root: str, *fields: str, subresource: str = "") -> dict[str, Any]:
    """What the API server notes of a write."""
    more = {"subresource": subresource} if subresource else {}
    owned: dict[str, Any] = {root: {field: {} for field in fields}, "f:metadata": {"f:annotations": {}}}
    return {"manager": manager, "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": owned, **more}


def written(manifest: dict[str, Any], *owners: dict[str, Any]) -> dict[str, Any]:
    """An object as kubectl leaves it: its own text once more in an annotation, and who owns what."""
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(manifest)}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": applied, "managedFields": [*owners]}}


def test_nothing_is_kept_that_no_decision_looks_at() -> None:
    kept = slimmed("PromptVersion", written(version("a", "1.0.0", 5), managed("git", "f:spec", "f:content")))

    assert not kept["metadata"].keys() & {"annotations", "managedFields"}


def test_which_warnings_are_accepted_is_kept() -> None:
    object = written(version("a", "1.0.0", 5))
    object["metadata"]["annotations"]["promptops.io/accept"] = "UndeclaredShape"

    assert slimmed("PromptVersion", object)["metadata"]["annotations"] == {"promptops.io/accept": "UndeclaredShape"}


def test_of_labels_ours_are_kept_and_no_others_are_waited_for() -> None:
    store = ObjectStore()
    before, after = (
        prompt("a", number, labels={f"key-{each}": str(number) for each in range(1000)}) for number in (5, 6)
    )
    first = store.ingest("Prompt", "ADDED", before)
    kept = slimmed("ConfigMap", config_map("a", 7, {}, labels={"promptops.io/watch": "true", "team": "red"}))

    assert (bool(first), store.ingest("Prompt", "MODIFIED", after)) == (True, frozenset())
    assert kept["metadata"]["labels"] == {"promptops.io/watch": "true"}


@pytest.mark.parametrize(
    ("kind", "manifest", "path"),
    [
        pytest.param("Prompt", prompt("a", 5), ("f:spec", "f:activeVersion"), id="who activated"),
        pytest.param("Prompt", prompt("a", 5), ("f:spec", "f:source"), id="who changed the source"),
        pytest.param("ConfigMap", config_map("a", 5, {"k": "v"}), ("f:data", "f:k"), id="who edited a key"),
    ],
)
def test_who_wrote_a_deciding_field_is_still_known(kind: str, manifest: dict[str, Any], path: tuple[str, str]) -> None:
    status = managed("promptops", "f:status", "f:phase", subresource="status")
    kept = slimmed(kind, written(manifest, managed("git", *path), status))

    assert latest_manager(kept, path) == "git"


def test_an_object_costs_a_few_kilobytes() -> None:
    store, count = ObjectStore(), 200
    condition = {"type": "Ready", "status": "True", "reason": "Active", "message": "version 1.0.0 is active"}
    reference = {"version": "1.0.0", "digest": "sha256:" + "a" * 64}
    status = {
        "observedGeneration": 1,
        "phase": "Healthy",
        "desired": "1.0.0",
        "serving": {"revision": 1, "at": "2026-01-01T00:00:00Z", "stable": reference},
        "served": "all",
        "history": [{**reference, "at": "2026-01-01T00:00:00Z", "manager": "git", "reason": "Activated"}],
        "conditions": [condition, {**condition, "type": "Converged"}],
    }
    wire = []
    for number in range(count):
        one = version(f"p{number}", "1.0.0", 2 * number + 1, status={"phase": "Active", "conditions": [condition] * 2})
        one["spec"]["content"]["text"] = f"{number} " + "lorem ipsum dolor sit amet " * 55
        made = prompt(f"p{number}", 2 * number + 2, status=status)
        wire += [json.dumps(written(each, managed("git", "f:spec", "f:activeVersion"))) for each in (one, made)]
    tracemalloc.start()
    for text in wire:
        manifest = json.loads(text)
        store.ingest(manifest["kind"], "ADDED", manifest)
        if manifest["kind"] == "PromptVersion":
            store.contents.assess(manifest)
    del manifest
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept / (2 * count) < BYTES_PER_OBJECT
