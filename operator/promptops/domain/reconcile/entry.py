"""The feed's entry of a Prompt, and the content it names."""

from collections.abc import Iterator, Mapping

from promptops.api.feed import MAX_PINS, STALENESS_FEATURE, VALUES_FEATURE, Entry, Fallback
from promptops.domain.content.assessment import Assessment
from promptops.domain.manifests import uid_of
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.decision import Decision
from promptops.domain.reconcile.memory import NO_LAST_RESORT, LastResort
from promptops.domain.reconcile.versions import Version


def entry_of(
    case: Case, decision: Decision, pruned: tuple[Version, ...] = ()
) -> tuple[Entry | None, Mapping[str, Assessment]]:
    """Return what to publish, and the contents that it names by digest; nothing when no version was ever decided."""
    if decision.stable is None:
        return None, {}
    pins = _pins(case, decision, frozenset(each.number for each in pruned))
    # The kill switch must not wait for content that nobody can have any more.
    switched_off_without_content = decision.disabled and decision.held
    entry = Entry(
        name=case.name,
        uid=uid_of(case.prompt),
        revision=decision.revision,
        state="disabled" if decision.disabled else "held" if decision.held else "active",
        stable=None if switched_off_without_content else decision.stable,
        ids=decision.ids,
        pins=tuple(each.reference for each in pins),
        values=decision.values,
        max_staleness_s=decision.max_staleness_seconds,
        fallback=_fallback(decision.fallback),
        must_understand=tuple(_features(decision)),
    )
    compiled = {each.digest: each for each in pins}
    served = case.versions.compiled(decision.stable)
    if served is not None:
        compiled[served.digest] = served
    return entry, {digest: compiled[digest].assessment for digest in entry.digests() if digest in compiled}


def _fallback(last_resort: LastResort) -> Fallback | None:
    if last_resort == NO_LAST_RESORT:
        return None
    return Fallback(last_resort.version.version if last_resort.version else "", last_resort.text)


def _features(decision: Decision) -> Iterator[str]:
    if decision.values:
        yield VALUES_FEATURE
    if decision.max_staleness_seconds:
        yield STALENESS_FEATURE


def _pins(case: Case, decision: Decision, pruned: frozenset[str]) -> list[Version]:
    """Return the versions that may be asked for by number, newest first: what serves, what served before, what stands in for
    it, and the newest.

    A number that was served with other content is none of them: nobody who asks for it gets something else silently. Nor is
    one that its tests forbid to activate.
    """
    found: list[Version] = []
    memory, stable = case.memory, decision.stable
    previous = memory.stable if memory.stable != stable else memory.previous
    in_any_case = {each.version for each in (stable, previous, decision.fallback.version) if each}
    room = MAX_PINS - len(in_any_case)
    for version in case.versions.own:
        wanted = version.number in in_any_case
        if not wanted and (room <= 0 or version.number in pruned):
            continue
        served_as = (
            stable.digest if stable and version.number == stable.version else memory.digest_served_as(version.number)
        )
        forbidden = version.failure is not None and not wanted
        if version.sound and not forbidden and served_as in (None, version.digest):
            found.append(version)
            room -= not wanted
    return found
