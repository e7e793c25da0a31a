"""Who follows and what it serves, from reports. An instance can only lie about itself: its token says who it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final

from promptops.api.feed import HEARTBEAT_SECONDS, LOST_SECONDS, MAX_REPORTED_NACKS, Position, Report
from promptops.domain.convergence import FORGOTTEN_SECONDS, Instance
from promptops.feed.authentication import Caller

SUPERSEDED_SECONDS: Final = 2 * HEARTBEAT_SECONDS
"""An instance of a pod is over when it is silent for so long while another of the same pod reports: it was restarted."""
GOODBYE_SECONDS: Final = 60.0
"""So long a report that was overtaken by its own goodbye is recognised."""
MAX_KIDS: Final = 16
"""There are two keys and two authorities at a time."""
MAX_PER_POD: Final = 16
MAX_PER_ACCOUNT: Final = 500
"""Instances of one identity; beyond it the one that was silent for longest is forgotten."""

Changed = Callable[[str], None]
"""Told of a scope in which something changed that may be counted."""
Published = Callable[[str], Position | None]
"""Scope → the position that was published last."""

_Identity = tuple[str, str | None, str]
_Key = tuple[_Identity, str]


@dataclass
class _Scope:
    rows: dict[_Key, Instance] = field(default_factory=dict)
    identities: dict[_Identity, set[_Key]] = field(default_factory=dict)
    lost: frozenset[_Key] = frozenset()
    kids: dict[_Key, frozenset[str]] = field(default_factory=dict)
    """What each believes, except who said goodbye."""


class Reports:
    """The origin's table of instances. Belongs to one event loop; `now` is monotonic seconds everywhere."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._scopes: dict[str, _Scope] = {}
        self._subscribers: list[Changed] = []
        self.running: frozenset[str] = frozenset()
        """uids of pods that are there for sure: their silence is no end."""

    def subscribe(self, changed: Changed) -> None:
        """Call `changed` whenever a scope's instances differ in more than when they were last heard."""
        self._subscribers.append(changed)

    def record(self, caller: Caller, report: Report, now: float) -> int:
        """Take in a report that was heard at `now`; return its number, or 0 when its base is not known here.

        An incarnation is over at its goodbye. The next one of the same name counts from its first report on.
        """
        if self.is_overtaken(caller, report, now):
            return 0
        state = self._scopes.setdefault(caller.scope, _Scope())
        key: _Key = (caller.identity, report.instance)
        before = state.rows.get(key)
        if before is not None and before.incarnation == report.incarnation:
            now = max(now, before.last_seen)
        row = self._row(caller, report, now)
        state.rows[key] = row
        if report.goodbye:
            state.kids.pop(key, None)
        else:
            state.kids[key] = frozenset(report.kids[:MAX_KIDS])
        keys = state.identities.setdefault(key[0], set())
        keys.add(key)
        dropped = self._make_room(state, keys, key, now)
        is_back = before is not None and key in state.lost and now > before.last_seen
        if is_back:
            state.lost -= {key}
        if dropped or is_back or before is None or replace(before, last_seen=now, number=row.number) != row:
            self._tell(caller.scope)
        knows_base = not report.base or (
            before is not None and (before.incarnation, before.number) == (report.incarnation, report.base)
        )
        return report.number if knows_base else 0

    def is_overtaken(self, caller: Caller, report: Report, now: float) -> bool:
        """Tell whether something later is known already of whom a report is from, through another relay or directly."""
        state = self._scopes.get(caller.scope)
        before = state.rows.get((caller.identity, report.instance)) if state is not None else None
        return before is not None and _is_overtaken(before, report, now)

    def instances(self, scope: str) -> tuple[Instance, ...]:
        """Everyone who follows the scope, also the lost ones until they are forgotten."""
        state = self._scopes.get(scope)
        return tuple(state.rows.values()) if state is not None else ()

    def keys(self) -> frozenset[tuple[tuple[str, str | None, str], str]]:
        """Return who is remembered: identity, and the name of the instance."""
        return frozenset(key for state in self._scopes.values() for key in state.rows)

    def know(self, kid: str) -> bool:
        """Tell whether everybody of whom we know that they still follow believes a key or an authority. Nobody: everybody."""
        return all(kid in known for state in self._scopes.values() for known in state.kids.values())

    def sweep(self, now: float) -> None:
        """Forget whoever was silent for too long, and tell of scopes in which somebody became lost. Call every second."""
        for scope, state in tuple(self._scopes.items()):
            over = [key for key, row in state.rows.items() if now - row.last_seen >= self._patience(row)]
            for key in over:
                _forget(state, key)
            lost = frozenset(
                key for key, row in state.rows.items() if not row.goodbye and now - row.last_seen >= LOST_SECONDS
            )
            changed = bool(over) or lost != state.lost
            state.lost = lost
            if not state.rows:
                del self._scopes[scope]
            if changed:
                self._tell(scope)

    def forget_pods(self, scope: str, uids: Collection[str]) -> None:
        """Pods are gone."""
        self._forget_where(scope, lambda row: row.pod_uid in uids)

    def forget_scope(self, scope: str) -> None:
        """The namespace is gone."""
        self._scopes.pop(scope, None)

    def _forget_where(self, scope: str, condition: Callable[[Instance], bool]) -> None:
        state = self._scopes.get(scope)
        over = [key for key, row in state.rows.items() if condition(row)] if state is not None else []
        if state is None or not over:
            return
        for key in over:
            _forget(state, key)
        self._tell(scope)

    def _patience(self, row: Instance) -> float:
        if row.goodbye:
            return GOODBYE_SECONDS
        return float("inf") if row.pod_uid in self.running else FORGOTTEN_SECONDS

    def _row(self, caller: Caller, report: Report, now: float) -> Instance:
        published = self._published(caller.scope)
        position = report.position
        if position is not None and (published is None or position > published):
            # Ahead of everything we published: it serves something, but not what we decided.
            position = None
        if len(report.nacks) > MAX_REPORTED_NACKS:
            # What it cannot take is more than it can name: none of its prompts may be counted as served.
            position = None
        return Instance(
            instance=report.instance,
            position=position,
            last_seen=now,
            pod_uid=caller.pod_uid,
            nacks={nack.name: (nack.uid, nack.revision) for nack in report.nacks[:MAX_REPORTED_NACKS]},
            goodbye=report.goodbye,
            incarnation=report.incarnation,
            number=report.number,
        )

    def _make_room(self, state: _Scope, keys: set[_Key], newest: _Key, now: float) -> bool:
        """Forget instances of the same identity that are over, or too many. Returns whether any was."""
        _, pod_uid, _ = newest[0]
        limit = MAX_PER_ACCOUNT if pod_uid is None else MAX_PER_POD
        over: list[_Key] = []
        if pod_uid is not None:
            over = [key for key in keys if now - state.rows[key].last_seen > SUPERSEDED_SECONDS]
        if not over and len(keys) > limit:
            over = [min(keys - {newest}, key=lambda key: state.rows[key].last_seen)]
        for key in over:
            _forget(state, key)
        return bool(over)

    def _tell(self, scope: str) -> None:
        for changed in self._subscribers:
            changed(scope)


def _is_overtaken(before: Instance, report: Report, now: float) -> bool:
    """Whether a report comes from a process that said goodbye, or the goodbye of one that another has followed.

    Or is older than what is known: a relay repeats everything to a new hop above, also of those who have left it since.
    """
    if report.incarnation == before.incarnation:
        return report.number < before.number or (before.goodbye and not report.goodbye)
    return report.goodbye or now < before.last_seen


def _forget(state: _Scope, key: _Key) -> None:
    del state.rows[key]
    state.kids.pop(key, None)
    state.lost -= {key}
    keys = state.identities[key[0]]
    keys.discard(key)
    if not keys:
        del state.identities[key[0]]
