"""What a term begins with: whom the leader before knew and what they had; and the pods that run with a sidecar, or lack one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from promptops.controller.intake.store import ObjectStore
from promptops.domain.convergence import FORGOTTEN_SECONDS, WARM_UP_SECONDS, Expected, least_instances
from promptops.domain.standing import Standing

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Pods:
    """What a look at the pods of the cluster found, by namespace; nothing of one that has none of them."""

    lacking: Mapping[str, int] = field(default_factory=dict)
    """How many lack the sidecar they ask for."""
    sidecars: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """uids of those that run with one."""
    ending: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """uids of those that do, and were told to end."""

    def running(self, namespace: str) -> frozenset[str]:
        """Return all of a namespace that can be heard of."""
        return self.sidecars.get(namespace, _NOBODY) | self.ending.get(namespace, _NOBODY)


class Attendance:
    """The roll of a term. What the leader before knew is believed until whoever it was had the time to come back."""

    def __init__(self, store: ObjectStore, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._monotonic = monotonic
        self._since = monotonic()
        self._inherited: dict[str, tuple[int, bool]] = {}
        """uid of a prompt → the revision that the leader before published, and whether all had it."""
        self._recorded: Mapping[str, int] | None = None
        """Scope → instances that the leader before knew; None when it left no record."""
        self._proven: dict[str, int] = {}
        """Namespace → the same where nothing is recorded, by its prompts: the least, pods without their sidecar included."""
        self._first: Pods | None = None
        self._pods: Pods | None = None
        """What was found first in this term, and last; None while nobody has looked."""

    def lead(self, recorded: Mapping[str, int] | None) -> None:
        """A term begins. `recorded`: scope → instances that the leader before counted; None when nobody knows."""
        self._since = self._monotonic()
        self._first = self._pods = None
        self._recorded, self._inherited, self._proven = recorded, {}, {}
        for (namespace, _), standing in self._store.standings():
            self._proven[namespace] = max(self._proven.get(namespace, 0), least_instances(standing.served))
            self._inherited[standing.uid] = (standing.revision, standing.served == "all")

    def is_inherited(self, standing: Standing) -> bool:
        """Tell whether what is served of a prompt is what the leader before published."""
        return self._inherited.get(standing.uid, (-1, False))[0] == standing.revision

    def all_had(self, standing: Standing) -> bool:
        """Tell whether it is, and everybody had it."""
        return self._inherited.get(standing.uid) == (standing.revision, True)

    @property
    def remembered(self) -> Mapping[str, int]:
        """Scope → instances that the leader before recorded, while they may still come back; then none of each."""
        recorded = self._recorded or {}
        return recorded if self.seconds < FORGOTTEN_SECONDS else dict.fromkeys(recorded, 0)

    @property
    def seconds(self) -> float:
        """For how long this term lasts."""
        return self._monotonic() - self._since

    @property
    def is_warm(self) -> bool:
        """Whether whoever follows has had the time to be heard of in this term."""
        return self.seconds >= WARM_UP_SECONDS

    @property
    def has_looked(self) -> bool:
        """Whether it is known in this term which pods there are."""
        return self._pods is not None

    def looked(self, pods: Pods) -> Pods | None:
        """Take in which pods there are; return what was known of them before."""
        before, self._pods = self._pods, pods
        self._first = self._first or pods
        return before

    def of(self, scope: str, namespace: str) -> Expected:
        """Return who should be heard of in a namespace, and in its scope."""
        pods, first = self._pods or Pods(), self._first or Pods()
        lacking, running = pods.lacking.get(namespace, 0), pods.sidecars.get(namespace, _NOBODY)
        known = self.remembered.get(scope)
        if known is None:
            proves = self.seconds < FORGOTTEN_SECONDS
            known = max(0, self._proven.get(namespace, 0) - lacking) if proves else 0
        earlier = running & first.running(namespace)
        return Expected(known, earlier, running - earlier, lacking)
