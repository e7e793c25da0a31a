"""What a new view means to whoever asks for prompts: activations, rollbacks, reloads, switches, removals. Pure."""

from collections.abc import Iterable, Iterator

from promptops.api import observed
from promptops.api.feed import Entry
from promptops.api.observed import PromptEvent
from promptops.cache.store import Step
from promptops.cache.view import View
from promptops.rendering import selection


def changes(before: View | None, after: View, step: Step | None, at: str) -> Iterator[PromptEvent]:
    """Yield what became different for callers, by name. The first view of all changes nothing: nobody has asked before."""
    if before is None or before.header.scope != after.header.scope:
        return
    for name in sorted(_touched(before, after, step)):
        old, new = before.entries.get(name), after.entries.get(name)
        for kind in _kinds(old, new):
            yield _event(kind, old, new, after, at)


def _touched(before: View, after: View, step: Step | None) -> Iterable[str]:
    if step is None:
        return before.entries.keys() | after.entries.keys()
    named = [entry.name for entry in step.upserts] + [removal.name for removal in step.removes]
    return {*named, *before.nacks}


def _kinds(old: Entry | None, new: Entry | None) -> Iterator[str]:
    if new is None:
        if old is not None:
            yield observed.REMOVED
        return
    if old is None or old.uid != new.uid:
        yield from (observed.ACTIVATED,) if new.stable is not None else ()
        return
    if (old.state == "disabled") != (new.state == "disabled"):
        yield observed.DISABLED if new.state == "disabled" else observed.ENABLED
    if new.stable is not None and new.stable != old.stable:
        yield observed.ROLLED_BACK if _is_older(old, new) else observed.ACTIVATED
    elif old.values != new.values:
        yield observed.RELOADED


def _is_older(old: Entry, new: Entry) -> bool:
    """Whether the version that is served now comes behind the one before, among those that are newest first."""
    order = selection.versions(new)
    if old.stable is None or new.stable is None or old.stable not in order or new.stable not in order:
        return False
    return order.index(new.stable) > order.index(old.stable)


def _event(kind: str, old: Entry | None, new: Entry | None, view: View, at: str) -> PromptEvent:
    entry = new or old
    served, previous = new.stable if new else None, old.stable if old else None
    return PromptEvent(
        type=kind,
        at=at,
        tenant=view.header.tenant,
        prompt_id=entry.name if entry else "",
        version=served.version if served else None,
        digest=served.digest if served else None,
        previous_version=previous.version if previous and previous != served else None,
    )
