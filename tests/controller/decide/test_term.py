"""What a new leader publishes, and when: whole namespaces, each once all of it was decided on, and only while it leads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from promptops.cache.signing import Signer
from promptops.cluster.elector import Leadership
from promptops.cluster.errors import ApiUnavailable, Conflict
from promptops.controller.decide.assessor import Assessor
from promptops.controller.decide.queue import KeyedQueue
from promptops.controller.decide.reconciler import Reconciler, wall_clock
from promptops.controller.decide.snapshots import Snapshots
from promptops.controller.decide.term import _LOOK_SECONDS, FIRST_DECISIONS_SECONDS, Terms
from promptops.controller.decide.writing import Writer
from promptops.controller.keys import Key, namespace_of
from promptops.controller.publish.convergence import Convergence
from promptops.controller.publish.journal import Journal
from promptops.controller.publish.projections import Projections
from promptops.domain.content.sourcing import judge
from promptops.domain.reconcile import decide_prompt, decide_version
from promptops.domain.snapshot import PromptSnapshot, VersionSnapshot
from promptops.feed.reports import Reports
from promptops.telemetry.operator import OperatorMetrics
from tests.controller.manifests import NAMESPACE, made, prompt, version
from tests.controller.publish.test_publishing import Cluster, now
from tests.support.waiting import until

SCOPES = {NAMESPACE: "scope-1", "other": "scope-2"}
Step = Callable[[Key], Awaitable[None]]


def settled(name: str, number: int, namespace: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Prompt and its version with the statuses that a leader wrote: deciding on them again writes nothing."""
    of = prompt(name, number, namespace=namespace, uid=f"uid-{namespace}-{name}", status={"observedGeneration": -1})
    only = version(name, "1.0.0", number + 1, namespace=namespace, uid=f"uid-{namespace}-{name}-1.0.0")
    for _ in range(3):
        outcome = decide_prompt(PromptSnapshot(of, (only,), tenant=namespace), now())
        of = {**of, "status": outcome.status}
        only = {**only, "status": decide_version(VersionSnapshot(only, of), now()).status}
    return of, only


class Leader(Cluster):
    """The parts of an operator that decide and publish. A step may be given that comes before each decision."""

    def __init__(self) -> None:
        super().__init__()
        self.is_leading = True
        self.clock = 0.0
        self.renewed_at: float | None = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.before: Step = _nothing
        self.queue: KeyedQueue[Key] = KeyedQueue(self.reconcile, namespace_of, workers=1)
        reports = Reports(self.publishing.position)
        self.convergence = Convergence(self.store, reports, self.publishing, self.queue.add_in)
        self.reconciler = Reconciler(
            store=self.store,
            snapshots=Snapshots(
                self.store,
                self.tenancy.tenant_of,
                self.tenancy.rules_of,
                lambda *_: None,
                self.publishing.published_revision,
                judge,
            ),
            tenancy=self.tenancy,
            publishing=self.publishing,
            **self._parts(),
        )
        self.terms = Terms(
            store=self.store,
            publishing=self.publishing,
            convergence=self.convergence,
            reconciler=self.reconciler,
            leads=lambda: self.is_leading,
            sync=self.sync,
            enqueue=self.queue.add,
            on_publication=lambda scope, names: None,
            signer=Signer(b"k" * 32),
            renewed_seconds_ago=self.renewed_seconds_ago,
            monotonic=lambda: self.clock,
        )
        self.queue.failed = lambda key, error, delay: self.terms.failed(key)
        for number, (namespace, scope) in enumerate(SCOPES.items(), start=1):
            self.take_in(made("Namespace", namespace, number, uid=scope, namespace=""))
        for number, name in enumerate("abc"):
            for manifest in settled(name, 10 + 2 * number, NAMESPACE):
                self.take_in(manifest)
        for manifest in settled("c", 20, "other"):
            self.take_in(manifest)

    def _parts(self) -> dict[str, Any]:
        """What only writes or counts; nothing here writes, for every status is right already."""
        metrics = OperatorMetrics()
        ingest: Callable[[str, str | None, Any], None] = lambda *_: None  # noqa: E731
        unreachable: Any = None
        return {
            "objects": unreachable,
            "events": unreachable,
            "writer": Writer(self.store, unreachable, metrics, lambda: self.is_leading, ingest),
            "metrics": metrics,
            "is_deciding": lambda: self.terms.is_deciding,
            "ingest": ingest,
            "enqueue": self.queue.add,
            "enqueue_after": self.queue.add_after,
            "decided": lambda key: self.terms.decided(key),
            "assessor": Assessor(self.store.contents, never, self.queue.add),
            "changed_hands": lambda namespaces: self.terms.wait_for(namespaces),
            "projections": Projections(unreachable, never, lambda: False, self.queue.add),
            "journal": Journal(unreachable, tuple, lambda: False, wall_clock),
        }

    def renewed_seconds_ago(self) -> float | None:
        """How long ago a Lease that was renewed at `renewed_at` was."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.renewed_at if self.renewed_at is not None else None

    async def sync(self) -> None:
        """Everything is in the store already."""

    async def reconcile(self, key: Key) -> bool:
        await self.before(key)
        return await self.reconciler.reconcile(key)

    def names(self, namespace: str) -> set[str] | None:
        served = self.served(SCOPES[namespace])
        return set(served) if served is not None else None


async def never(_: bytes) -> bytes:
    raise AssertionError("everything here is small")


async def _nothing(_: Key) -> None:
    """Decide at once."""


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    made = Leader()
    running = asyncio.create_task(made.queue.run())
    yield made
    running.cancel()
    await made.terms.stop("the test is over")


async def test_a_term_publishes_each_namespace_whole(leader: Leader) -> None:
    await leader.terms.start(Leadership(1, 1))

    assert (leader.names(NAMESPACE), leader.names("other")) == ({"a", "b", "c"}, {"c"})
    assert leader.terms.problem is None


async def test_a_term_has_begun_once_everything_is_published(leader: Leader) -> None:
    published: list[set[str] | None] = []
    leader.terms.begun = lambda: published.append(leader.names(NAMESPACE))

    await leader.terms.start(Leadership(1, 1))

    assert published == [{"a", "b", "c"}]


async def test_leaving_the_lead_while_deciding_publishes_nothing(leader: Leader) -> None:
    async def lose_it(key: Key) -> None:
        if key.name == "b":
            leader.is_leading = False

    leader.before = lose_it
    starting = asyncio.create_task(leader.terms.start(Leadership(1, 1)))
    await until(lambda: not leader.is_leading)
    await asyncio.sleep(0)
    starting.cancel()
    await leader.terms.stop("the Lease is held by another")

    assert leader.names(NAMESPACE) is None


async def test_a_renewal_that_was_late_costs_no_prompt(leader: Leader) -> None:
    late = asyncio.Event()

    async def be_late(key: Key) -> None:
        if key.name == "b" and not late.is_set():
            leader.is_leading = False
            late.set()

    leader.before = be_late
    starting = asyncio.create_task(leader.terms.start(Leadership(1, 1)))
    await late.wait()
    while_late = leader.names(NAMESPACE)
    leader.is_leading = True
    await starting
    await until(lambda: leader.names(NAMESPACE) is not None)

    assert (while_late, leader.names(NAMESPACE)) == (None, {"a", "b", "c"})


async def test_a_prompt_that_cannot_be_decided_keeps_no_other_namespace_waiting(leader: Leader) -> None:
    async def hang(key: Key) -> None:
        if key.name == "a":
            await asyncio.Event().wait()

    leader.queue = KeyedQueue(leader.reconcile, namespace_of, workers=4)
    leader.terms.enqueue = leader.queue.add
    running = asyncio.create_task(leader.queue.run())
    leader.before = hang
    starting = asyncio.create_task(leader.terms.start(Leadership(1, 1)))
    await until(lambda: leader.names("other") is not None)
    before = leader.names(NAMESPACE)
    leader.clock += FIRST_DECISIONS_SECONDS
    await until(lambda: leader.names(NAMESPACE) is not None)
    starting.cancel()
    running.cancel()

    assert (before, leader.names(NAMESPACE)) == (None, {"a", "b", "c"}), "a stands by its status"


async def test_what_is_published_is_as_old_as_the_last_renewal(leader: Leader) -> None:
    def is_confirmed_at(moment: float | None) -> bool:
        return store is not None and store.confirmed_at == pytest.approx(moment, abs=0.01)

    await leader.terms.start(Leadership(1, 1))
    store = leader.publishing.stores("scope-1")
    assert store is not None
    await until(lambda: is_confirmed_at(leader.renewed_at))
    assert leader.renewed_at is not None
    leader.renewed_at += 2
    await until(lambda: is_confirmed_at(leader.renewed_at))
    confirmed_at, leader.renewed_at = leader.renewed_at, None
    looked_at = time.monotonic()
    await until(lambda: time.monotonic() > looked_at + 2 * _LOOK_SECONDS)

    assert is_confirmed_at(confirmed_at)


async def test_a_prompt_that_fails_is_served_as_status_says(leader: Leader) -> None:
    async def refuse(key: Key) -> None:
        if key.name == "a":
            raise ApiUnavailable("the API server objects")

    leader.before = refuse
    await leader.terms.start(Leadership(1, 1))

    assert leader.names(NAMESPACE) == {"a", "b", "c"}


async def test_a_namespace_that_changes_hands_is_never_published_by_half(leader: Leader) -> None:
    await leader.terms.start(Leadership(1, 1))
    store = leader.publishing.stores("scope-1")
    assert store is not None
    seen: list[set[str]] = []
    store.listen(lambda _: seen.append(leader.names(NAMESPACE) or set()))
    leader.store.ingest("Tenant", "ADDED", made("Tenant", "blue", 90, namespace="", spec={"namespaces": [NAMESPACE]}))
    leader.tenancy.changed()
    leader.terms.wait_for(leader.publishing.follow_tenancy())
    await until(lambda: seen)

    assert set(map(frozenset, seen)) == {frozenset("abc")}


async def test_who_does_not_decide_yet_drops_keys_and_who_is_late_tries_again(leader: Leader) -> None:
    dropped = await leader.reconciler.reconcile(Key("Prompt", NAMESPACE, "a"))
    leader.terms.is_deciding, leader.is_leading = True, False

    assert dropped is False
    with pytest.raises(Conflict):
        await leader.reconciler.reconcile(Key("Prompt", NAMESPACE, "a"))
