"""What was served when, and who decided it."""

from collections.abc import Iterator
from typing import Any

from promptops.api import reasons
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.manifests import mapping, metadata, sequence, text
from promptops.domain.reconcile.decision import Decision
from promptops.domain.reconcile.memory import Memory
from promptops.domain.snapshot import Manifest, PromptSnapshot

KEPT = 10
UNKNOWN_MANAGER = "unknown"


def history_of(
    snapshot: PromptSnapshot, spec: PromptSpec | None, decision: Decision, memory: Memory
) -> list[dict[str, Any]]:
    """Return the decisions, newest first, with the one that is made now."""
    before = [dict(each) for each in memory.history]
    if decision.stable is None or decision.stable == memory.stable:
        return before
    entry = {
        "version": decision.stable.version,
        "digest": decision.stable.digest,
        "at": decision.decided_at,
        "manager": _manager(snapshot, spec)[:128],
        "reason": reason_of(decision, memory),
    }
    return [entry, *before][:KEPT]


def reason_of(decision: Decision, memory: Memory) -> str:
    """Name the kind of a decision that changed the version."""
    if decision.follows_source:
        return reasons.SOURCE_CHANGED
    number = decision.stable.version if decision.stable else ""
    served_before = any(each.get("version") == number for each in memory.history)
    return reasons.ROLLED_BACK if served_before else reasons.ACTIVATED


def _manager(snapshot: PromptSnapshot, spec: PromptSpec | None) -> str:
    """Return the field manager that wrote the deciding field: activeVersion, the source, or the ConfigMap's key."""
    if spec is None:
        return UNKNOWN_MANAGER
    if spec.active_version is not None or spec.source is None:
        return latest_manager(snapshot.prompt, ("f:spec", "f:activeVersion"))
    reference = spec.source.config_map_key_ref
    if reference is not None and snapshot.config_map is not None:
        return latest_manager(snapshot.config_map, ("f:data", f"f:{reference.key}"))
    return latest_manager(snapshot.prompt, ("f:spec", "f:source"))


def latest_manager(manifest: Manifest, path: tuple[str, ...]) -> str:
    """Return who wrote a field last; several may own it."""
    owners = [
        (text(each.get("time")), text(each.get("manager")))
        for each in map(mapping, sequence(metadata(manifest).get("managedFields")))
        if not each.get("subresource") and _owns(each, path)
    ]
    return max(owners)[1] if owners else UNKNOWN_MANAGER


def _owns(managed: Manifest, path: tuple[str, ...]) -> bool:
    return all(step in node for node, step in _descend(mapping(managed.get("fieldsV1")), path))


def _descend(fields: Manifest, path: tuple[str, ...]) -> Iterator[tuple[Manifest, str]]:
    for step in path:
        yield fields, step
        fields = mapping(fields.get(step))
