"""What was served when, and who decided it."""

from collections.abc import Iterator

from promptops.api import reasons
from promptops.api.limits import MAX_MANAGER_CHARACTERS
from promptops.api.v1alpha1.prompt_status import MAX_HISTORY, HistoryEntry
from promptops.domain.bounds import cut
from promptops.domain.content.numbers import highest
from promptops.domain.manifests import Manifest, mapping, metadata, sequence, text
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.decision import Decision

UNKNOWN_MANAGER = "unknown"


def history_of(case: Case, decision: Decision) -> tuple[HistoryEntry, ...]:
    """Return the decisions, newest first, with the one that is made now."""
    memory = case.memory
    if decision.stable is None or decision.stable == memory.stable:
        return memory.history
    entry = HistoryEntry.model_construct(
        version=decision.stable.version,
        digest=decision.stable.digest,
        at=decision.decided_at,
        manager=cut(_manager(case), MAX_MANAGER_CHARACTERS),
        reason=reason_of(case, decision),
    )
    return (entry, *memory.history)[:MAX_HISTORY]


def reason_of(case: Case, decision: Decision) -> str:
    """Name the kind of a decision that changed the version: to a lower number is back, whatever was served before."""
    if case.follows_source:
        return reasons.SOURCE_CHANGED
    number = decision.stable.version if decision.stable else ""
    before = case.memory.stable.version if case.memory.stable else ""
    goes_back = number != before and highest((number, before)) == before
    return reasons.ROLLED_BACK if goes_back else reasons.ACTIVATED


def _manager(case: Case) -> str:
    """Return the field manager that wrote the deciding field: activeVersion, the source, or the ConfigMap's key."""
    if not case.follows_source:
        return latest_manager(case.prompt, ("f:spec", "f:activeVersion"))
    source = case.spec.source if case.spec is not None else None
    reference = source.config_map_key_ref if source is not None else None
    if reference is not None and case.snapshot.config_map is not None:
        return latest_manager(case.snapshot.config_map, ("f:data", f"f:{reference.key}"))
    return latest_manager(case.prompt, ("f:spec", "f:source"))


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
