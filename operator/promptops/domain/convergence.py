"""Which instances serve the published decision, from their own reports: who fell silent goes on rendering what it holds."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from promptops.api.feed import LOST_SECONDS, Position
from promptops.domain.snapshot import ServedObservation
from promptops.domain.standing import Standing

FORGOTTEN_SECONDS = 300.0
"""An instance that was silent for this long counts no more."""
WARM_UP_SECONDS = 30.0
"""How long a new leader hears from fewer instances than there are."""
BEFORE_EVERYTHING = Position(0, 0, 0)
"""Where an entry changed that all instances had in an earlier term, and nobody touched since."""
BEYOND_EVERYTHING = Position(2**53, 0, 0)


@dataclass(frozen=True)
class Instance:
    """One follower, as its last report describes it."""

    instance: str
    position: Position | None
    last_seen: float
    """Monotonic seconds."""
    pod_uid: str | None = None
    nacks: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Prompt's name → uid and revision of the entry that it could not take."""
    goodbye: bool = False
    incarnation: str = ""
    """Which process of that name."""
    number: int = 0
    """Of its last report."""


@dataclass(frozen=True)
class Census:
    """How many instances a namespace has. A fact of the namespace, of which no prompt's status speaks."""

    total: int = 0
    """Known, also those that are lost or missing."""
    lost: int = 0
    """Silent for 20 seconds."""
    missing: int = 0
    """Known to the leader before, or pods with a sidecar, and not heard of."""


@dataclass(frozen=True)
class Expected:
    """Who should be heard of in a namespace, whoever was."""

    instances: int = 0
    """How many the leader before knew, while they may still come back."""
    pods: frozenset[str] = frozenset()
    """uids of running pods that have a sidecar, as they were when this leader looked first: what those serve an earlier one may know."""
    newcomers: frozenset[str] = frozenset()
    """The same of those that came since: who of them never reported serves nothing."""
    uninjected: int = 0
    """Pods that lack the sidecar they ask for."""

    def unheard(self, instances: Collection[Instance], present: int) -> tuple[int, int]:
        """Return how many are missing, and how many pods never reported, where so many instances are `present`."""
        heard = {each.pod_uid for each in instances}
        newcomers = len(self.newcomers - heard)
        return max(len(self.pods - heard), self.instances - present - newcomers, 0), newcomers


NOBODY_IN_PARTICULAR = Expected()


@dataclass(frozen=True)
class Crowd:
    """The instances of a namespace, as far as it matters who serves what."""

    positions: tuple[Position, ...]
    """Lowest first, of everybody who has reported one. Who holds nothing yet is about to, and serves nothing wrong."""
    nacks: Mapping[str, tuple[tuple[str, int, Position], ...]]
    """Prompt's name → (uid, revision, position of the one who could not take it)."""
    missing: int = 0
    uninjected: int = 0
    """Pods that lack the sidecar they ask for: they should serve, and cannot."""
    unheard: int = 0
    """Pods whose sidecar never reported: they should serve, and nothing says that they do."""

    @classmethod
    def of(cls, instances: Collection[Instance], expected: Expected = NOBODY_IN_PARTICULAR) -> "Crowd":
        """Read reports."""
        positions: list[Position] = []
        nacks: defaultdict[str, list[tuple[str, int, Position]]] = defaultdict(list)
        for each in instances:
            if each.goodbye or each.position is None:
                continue
            positions.append(each.position)
            for name, (uid, revision) in each.nacks.items():
                nacks[name].append((uid, revision, each.position))
        missing, unheard = expected.unheard(instances, len(positions))
        refused = {name: tuple(all_) for name, all_ in nacks.items()}
        return cls(tuple(sorted(positions)), refused, missing, expected.uninjected, unheard)

    @property
    def lacking(self) -> tuple[int, int, int]:
        """How many should serve of whom nothing is known, or nothing good."""
        return self.missing, self.uninjected, self.unheard

    @property
    def lowest(self) -> Position:
        """The position that all of them have reached; above every other when there is nobody."""
        return self.positions[0] if self.positions else BEYOND_EVERYTHING

    def serving(self, name: str, uid: str, revision: int, changed_at: Position | None) -> ServedObservation:
        """Count who reported a position at or after the one where the entry changed, and does not refuse it.

        `changed_at` is None while nothing is published. Of the missing nothing is known but that they had what all had.
        """
        total = len(self.positions) + self.missing + self.uninjected + self.unheard
        if changed_at is None:
            return ServedObservation(0, total, self.uninjected, self.unheard)
        there = len(self.positions) - bisect_left(self.positions, changed_at)
        refusing = sum(
            (nacked, of) == (uid, revision) and at >= changed_at for nacked, of, at in self.nacks.get(name, ())
        )
        untouched = self.missing if changed_at == BEFORE_EVERYTHING else 0
        return ServedObservation(there - refusing + untouched, total, self.uninjected, self.unheard)


def census(instances: Collection[Instance], expected: Expected, now: float) -> Census:
    """Count instances; `now` is monotonic seconds."""
    present = [each for each in instances if not each.goodbye]
    lost = sum(now - each.last_seen >= LOST_SECONDS for each in present)
    missing = sum(expected.unheard(instances, len(present)))
    return Census(len(present) + missing, lost, missing)


def summary(observation: ServedObservation) -> str:
    """Return what stands in status.served: all, none, or how many while some lag."""
    if observation.ready == 0:
        return "none"
    return "all" if observation.ready == observation.total else f"{observation.ready}/{observation.total}"


def least_instances(served: str) -> int:
    """Return how many instances a Prompt's status.served proves, and pods that should be some: 50 by `48/50`, one by `all`."""
    total = served.partition("/")[2]
    return int(total) if total.isdecimal() else int(served == "all")


def is_news(standing: Standing, observation: ServedObservation) -> bool:
    """Tell whether status should say something else. That the last one left is none: nobody lags, and who comes back has it."""
    if observation.total == 0:
        return not standing.is_complete
    if observation.ready == observation.total:
        return not standing.is_complete or standing.served != "all"
    return standing.is_complete or standing.served != summary(observation)


def is_settled(standing: Standing, observation: ServedObservation) -> bool:
    """Tell whether every instance there is serves the decision and status says so, so that nothing but a step back is news."""
    return observation.ready == observation.total and standing.is_complete and standing.served == "all"


def arrives(standing: Standing, observation: ServedObservation) -> bool:
    """Tell whether somebody may wait for this: the last instance has what was decided."""
    return not standing.is_complete and observation.ready == observation.total
