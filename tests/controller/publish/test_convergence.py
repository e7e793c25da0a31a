"""Prompts are decided anew when what serves them changes: once per change, and only those it concerns."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from promptops.api.feed import Nack, Position, Report
from promptops.controller.decide.ledger import Lane
from promptops.controller.intake import store
from promptops.controller.intake.slim import unpacked
from promptops.controller.intake.store import DELETED
from promptops.controller.keys import TENANCY, Key, prompt_key
from promptops.controller.publish.attendance import Pods
from promptops.controller.publish.convergence import COALESCE_SECONDS, Convergence
from promptops.domain.convergence import FORGOTTEN_SECONDS, WARM_UP_SECONDS, Census, is_news, summary
from promptops.domain.snapshot import ServedObservation
from promptops.feed.authentication import Caller
from promptops.feed.reports import Reports
from tests.controller.manifests import NAMESPACE, prompt
from tests.controller.publish.test_publishing import Cluster, namespace
from tests.support.waiting import until

CALLER = Caller("scope-1", NAMESPACE, "team", None, "app")


def of_pod(uid: str) -> Caller:
    """The sidecar of a pod."""
    return Caller("scope-1", NAMESPACE, "team", uid, "app")


class Watched(Cluster):
    """A leader of an hour, with two prompts that two instances serve."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.incarnation = 0
        self.keys: list[tuple[Key, Lane]] = []
        self.reports = Reports(self.publishing.position)
        self.convergence = Convergence(
            self.store,
            self.reports,
            self.publishing,
            lambda key, seconds, lane: self.keys.append((key, lane)),
            monotonic=lambda: self.now,
        )
        self.publishing.revoked = self.convergence.revoked
        self.take_in(namespace(3))
        for number, name in enumerate(("a", "b"), start=5):
            self.say(name, number, "all", "True")
        self.lead(1)
        for name in ("a", "b"):
            self.publish(name, f"uid-{name}")
        self.publishing.begin(NAMESPACE)
        self.convergence.lead()
        self.convergence.looked_at_pods(Pods())
        self.now += 3600
        for instance in ("one", "two"):
            self.report(instance)
        self.keys.clear()

    def say(self, name: str, number: int, served: str, converged: str) -> None:
        """Have a prompt's status say who serves it."""
        conditions = [{"type": "Converged", "status": converged, "reason": "Converged"}]
        status = {"serving": {"revision": 1}, "served": served, "conditions": conditions}
        self.take_in(prompt(name, number, status=status))
        self.observed(name)  # as each decision does

    def observed(self, name: str = "a") -> ServedObservation | None:
        return self.convergence.observation(NAMESPACE, name)

    def report(self, instance: str, caller: Caller | None = None, **changes: Any) -> None:
        position = self.publishing.position("scope-1")
        self.reports.record(caller or CALLER, Report(instance, **{"position": position, **changes}), self.now)

    def activate(self, name: str, revision: int, number: int) -> None:
        """Decide on another version, which nobody serves yet."""
        conditions = [{"type": "Converged", "status": "False", "reason": "Converging"}]
        status = {"serving": {"revision": revision}, "served": "none", "conditions": conditions}
        self.take_in(prompt(name, number, status=status))
        self.observed(name)
        self.publish(name, f"uid-{name}", revision)

    def decide_on_news(self, numbers: Iterator[int]) -> None:
        """Write what the reconciler would write about every prompt that it was told of."""
        told, self.keys = {key.name for key, _ in self.keys if key.kind == "Prompt"}, []
        for name in told:
            manifest, observed = self.store.get("Prompt", NAMESPACE, name), self.observed(name)
            assert manifest is not None
            assert observed is not None
            everybody = observed.ready == observed.total
            conditions = [{"type": "Converged", "status": str(everybody), "reason": "Converged"}]
            status = {**manifest["status"], "served": summary(observed), "conditions": conditions}
            self.take_in(prompt(name, next(numbers), status=status))

    def news(self) -> list[str]:
        """Return whom it would be wrong to leave as they are, looking at everybody."""
        found, is_open = [], {scope: set(names) for scope, names in self.convergence._open.items()}
        for (_, name), standing in self.store.standings():
            observed = self.convergence.observation(NAMESPACE, name)
            if observed is not None and is_news(standing, observed):
                found.append(name)
        self.convergence._open = is_open  # whoever asks is taken for somebody who decides
        return found

    def published_position(self) -> Position:
        position = self.publishing.position("scope-1")
        assert position is not None
        return position

    def prompts(self) -> list[tuple[str, Lane]]:
        return [(key.name, lane) for key, lane in self.keys if key.kind == "Prompt"]

    async def looked(self) -> None:
        """Wait until what was told has been looked at, and the instances were counted. That tenants are told is no sign of it: time does that, too."""
        await until(lambda: TENANCY in [key for key, _ in self.keys] and not self.convergence._wake.is_set())
        await asyncio.sleep(0)


async def test_once_a_new_leader_may_say_how_many_there_are_tenants_are_told() -> None:
    watched = Watched()
    watched.convergence.lead()
    watched.convergence.looked_at_pods(Pods())
    running = asyncio.create_task(watched.convergence.run())
    await watched.looked()
    at_first = watched.convergence.figures()
    watched.now += WARM_UP_SECONDS / 2
    for instance in ("one", "two"):
        watched.report(instance)
    await asyncio.sleep(2 * COALESCE_SECONDS)
    watched.keys.clear()
    watched.now += WARM_UP_SECONDS / 2

    await watched.looked()

    running.cancel()
    assert at_first == {}
    assert watched.convergence.figures()[NAMESPACE]["instances"] == 2


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    running = asyncio.create_task(made.convergence.run())
    await made.looked()
    made.keys.clear()
    yield made
    running.cancel()


async def test_instances_that_come_with_what_is_published_concern_no_prompt(watched: Watched) -> None:
    for number in range(50):
        watched.report(f"pod-{number}")
    await watched.looked()

    assert (watched.prompts(), watched.observed()) == ([], ServedObservation(52, 52))


async def test_nor_do_those_that_leave_or_fall_silent(watched: Watched) -> None:
    watched.report("one", goodbye=True)
    await watched.looked()
    watched.keys.clear()
    watched.now += 25
    await watched.looked()

    assert (watched.prompts(), watched.observed()) == ([], ServedObservation(1, 1))
    assert watched.convergence.censuses[NAMESPACE] == Census(total=1, lost=1)


async def test_who_refuses_a_prompt_concerns_that_prompt(watched: Watched) -> None:
    watched.report("three", nacks=(Nack("a", "uid-a", 1, "BlobUnavailable"),))
    await until(watched.prompts)

    assert watched.prompts() == [("a", Lane.COUNTING)]
    assert (watched.observed("a"), watched.observed("b")) == (ServedObservation(2, 3), ServedObservation(3, 3))


async def test_the_last_one_to_follow_is_waited_for_and_no_mere_count(watched: Watched) -> None:
    watched.say("a", 9, "1/2", "False")
    watched.report("three")
    await until(watched.prompts)

    assert watched.prompts() == [("a", Lane.FOLLOWING)]


async def test_counts_of_one_prompt_are_said_seldom(watched: Watched) -> None:
    due: list[float] = []
    watched.convergence._enqueue = lambda key, seconds, lane: due.append(seconds)
    for _ in range(3):
        watched.convergence._enqueue_count(prompt_key(NAMESPACE, "a"))
        watched.now += 1

    assert due == [0.0, 4.0, 3.0]


async def test_a_new_leader_does_not_take_away_what_all_had(watched: Watched) -> None:
    watched.reports.forget_scope("scope-1")
    watched.convergence.lead()
    watched.convergence.looked_at_pods(Pods())
    watched.report("one", position=Position(7, 1, 0))

    assert watched.observed() == ServedObservation(1, 1), "it has not followed into this term yet"


async def test_a_new_leader_says_nothing_of_a_decision_of_its_own_before_all_are_back(watched: Watched) -> None:
    watched.convergence.recorded = lambda: {"scope-1": 2}
    watched.reports.forget_scope("scope-1")
    watched.convergence.lead()
    watched.convergence.looked_at_pods(Pods())
    watched.publish("a", "uid-a", revision=2)
    conditions = [{"type": "Converged", "status": "False", "reason": "Converging"}]
    watched.take_in(prompt("a", 30, status={"serving": {"revision": 2}, "served": "none", "conditions": conditions}))
    await until(lambda: watched.publishing.published_revision(NAMESPACE, "a") == 2)
    watched.report("one")
    with_one = watched.observed()
    watched.now += WARM_UP_SECONDS
    after_a_while = watched.observed()
    watched.report("two")

    assert (with_one, after_a_while, watched.observed()) == (None, ServedObservation(1, 2), ServedObservation(2, 2))


async def test_a_new_leader_that_has_heard_nobody_does_not_say_that_nobody_is_there(watched: Watched) -> None:
    watched.reports.forget_scope("scope-1")
    watched.convergence.lead()
    watched.convergence.looked_at_pods(Pods())
    at_once = watched.observed()
    watched.now += WARM_UP_SECONDS
    watched.publish("a", "uid-a", revision=2)
    conditions = [{"type": "Converged", "status": "False", "reason": "Converging"}]
    watched.take_in(prompt("a", 30, status={"serving": {"revision": 2}, "served": "none", "conditions": conditions}))
    after_a_while = watched.observed()
    watched.now += FORGOTTEN_SECONDS
    watched.convergence.changed("scope-1")

    # The prompts' statuses proved one instance at least, and no Tenant knows better.
    assert at_once == ServedObservation(1, 1), "the missing one has what all had"
    assert (after_a_while, watched.observed()) == (ServedObservation(0, 1), ServedObservation(0, 0))


@pytest.mark.parametrize(
    ("recorded", "heard", "observed"),
    [
        pytest.param({"scope-1": 1}, (), ServedObservation(0, 1), id="the only one is silent"),
        pytest.param({"scope-1": 2}, ("one",), ServedObservation(1, 2), id="one of two is"),
        pytest.param({"scope-1": 3}, ("one", "two", "three", "four"), ServedObservation(4, 4), id="more came"),
        pytest.param({"scope-1": 0}, (), ServedObservation(0, 0), id="all have left, whatever the status proves"),
        pytest.param({}, (), ServedObservation(0, 1), id="nothing of it is recorded, and the status proves one"),
        pytest.param({"scope-9": 3}, ("one",), ServedObservation(1, 1), id="another namespace of the name"),
        pytest.param(None, ("one",), ServedObservation(1, 1), id="no record"),
        pytest.param(None, (), ServedObservation(0, 1), id="no record, and the status proves one"),
    ],
)
async def test_a_new_leader_waits_for_as_many_as_were_recorded_for_five_minutes(
    watched: Watched, recorded: dict[str, int] | None, heard: tuple[str, ...], observed: ServedObservation
) -> None:
    watched.reports.forget_scope("scope-1")
    watched.convergence.recorded = lambda: recorded
    watched.convergence.lead()
    watched.convergence.looked_at_pods(Pods())
    watched.activate("a", 2, 30)
    await until(lambda: watched.publishing.published_revision(NAMESPACE, "a") == 2)
    for instance in heard:
        watched.report(instance)
    watched.now += WARM_UP_SECONDS
    after_a_while = watched.observed()
    watched.now += FORGOTTEN_SECONDS
    watched.convergence.changed("scope-1")

    assert after_a_while == observed
    assert watched.observed() == ServedObservation(len(heard), len(heard))


async def test_what_is_recorded_holds_until_it_is_counted(watched: Watched) -> None:
    before = watched.convergence.instances()
    watched.reports.forget_scope("scope-1")
    watched.convergence.recorded = lambda: {"scope-1": 2, "scope-9": 3}
    watched.convergence.lead()
    at_first = watched.convergence.instances()
    watched.report("one")
    await until(lambda: NAMESPACE in watched.convergence.censuses)
    counted = watched.convergence.instances()
    # A clock that jumps while somebody looks makes the rest after it as long.
    await asyncio.sleep(2 * COALESCE_SECONDS)
    watched.now += FORGOTTEN_SECONDS
    watched.report("one")
    await until(lambda: watched.convergence.censuses[NAMESPACE].total == 1)
    after_all = watched.convergence.instances()
    watched.report("one", goodbye=True)
    await until(lambda: watched.convergence.censuses[NAMESPACE].total == 0)

    assert before == {"scope-1": 2}
    assert at_first == counted == {"scope-1": 2, "scope-9": 3}
    assert after_all == {"scope-1": 1}, "the other is a namespace that is gone"
    assert watched.convergence.instances() == {"scope-1": 0}, "known to be nobody"


async def test_what_a_leader_could_not_say_at_first_is_said_once_it_can_and_its_successor_begins_anew() -> None:
    watched = Watched()
    watched.reports.forget_scope("scope-1")
    for number, name in enumerate(("a", "b"), start=20):
        watched.say(name, number, "none", "True")
    watched.convergence.lead()
    before, said = watched.published_position(), list[list[tuple[str, Lane]]]()
    watched.activate("a", 2, 30)
    await until(lambda: watched.published_position() > before)
    for seconds in (0.0, WARM_UP_SECONDS - 1, WARM_UP_SECONDS):
        watched.convergence.lead()
        watched.convergence.looked_at_pods(Pods())
        watched.now += seconds
        watched.keys.clear()
        await watched.convergence._compare("scope-1")
        said.append(watched.prompts())

    # Nobody follows: that is said after half a minute, by whoever leads for so long, and of no other prompt.
    assert said == [[], [], [("a", Lane.FOLLOWING)]]


@pytest.mark.parametrize(
    ("seen", "type_"),
    [
        pytest.param(namespace(90), DELETED, id="gone"),
        pytest.param(namespace(90, uid="scope-2"), "MODIFIED", id="another one of the name"),
    ],
)
async def test_nobody_follows_a_namespace_that_is_gone(watched: Watched, seen: dict[str, Any], type_: str) -> None:
    before = watched.convergence.censuses[NAMESPACE]

    watched.take_in(seen, type_)

    assert before == Census(total=2)
    assert watched.reports.instances("scope-1") == ()
    assert (watched.convergence.figures(), watched.convergence.states()) == ({}, {})


async def test_pods_without_their_sidecar_are_among_those_that_should_serve(watched: Watched) -> None:
    watched.convergence.looked_at_pods(Pods({NAMESPACE: 1, "another": 5}))
    await until(lambda: len(watched.prompts()) == 2)
    lacking, seen = watched.observed(), sorted(watched.prompts())
    watched.keys.clear()
    watched.say("a", 9, "2/3", "False")
    watched.convergence.looked_at_pods(Pods({"another": 5}))
    await until(watched.prompts)

    assert (lacking, seen) == (ServedObservation(2, 3, uninjected=1), [("a", Lane.COUNTING), ("b", Lane.COUNTING)])
    assert (watched.observed(), watched.prompts()) == (ServedObservation(2, 2), [("a", Lane.FOLLOWING)])


async def test_they_concern_also_prompts_of_which_no_news_was_expected(watched: Watched) -> None:
    watched.convergence.changed("scope-1")
    await until(lambda: not watched.convergence._open["scope-1"])
    before = watched.convergence._to_look_at("scope-1", NAMESPACE)
    watched.convergence.looked_at_pods(Pods({NAMESPACE: 1}))

    assert before == ()
    assert set(watched.convergence._to_look_at("scope-1", NAMESPACE)) == {"a", "b"}


async def test_the_same_look_at_pods_concerns_nobody(watched: Watched) -> None:
    watched.convergence.looked_at_pods(Pods({"another": 5}))
    watched.report("three")
    await watched.looked()

    assert watched.prompts() == []


async def test_a_new_leader_says_nothing_before_somebody_looked_which_pods_lack_a_sidecar(watched: Watched) -> None:
    watched.say("a", 9, "2/3", "False")
    watched.convergence.lead()
    before = watched.observed()
    watched.convergence.looked_at_pods(Pods({NAMESPACE: 1}))
    watched.now += WARM_UP_SECONDS

    # The status proved three that should serve; the one without a sidecar is none that has not come back.
    assert (before, watched.observed()) == (None, ServedObservation(2, 3, uninjected=1))


async def test_a_new_leader_that_cannot_look_at_pods_speaks_nevertheless(watched: Watched) -> None:
    watched.convergence.lead()
    watched.now += WARM_UP_SECONDS

    assert watched.observed() == ServedObservation(2, 2)


def running(*uids: str, ending: str = "") -> Pods:
    """The pods of the namespace that have a sidecar."""
    there = {NAMESPACE: frozenset(uids)} if uids else {}
    return Pods({}, there, {NAMESPACE: frozenset({ending})} if ending else {})


async def test_a_pod_that_never_reported_should_serve_until_it_does(watched: Watched) -> None:
    watched.convergence.looked_at_pods(running("pod-1"))
    await until(lambda: len(watched.prompts()) == 2)
    lacking, seen, census = watched.observed(), sorted(watched.prompts()), watched.convergence.censuses[NAMESPACE]
    for number, name in enumerate(("a", "b"), start=9):
        watched.say(name, number, "2/3", "False")
    watched.keys.clear()
    watched.report("three", caller=of_pod("pod-1"))
    await until(lambda: len(watched.prompts()) == 2)

    assert (lacking, census) == (ServedObservation(2, 3, unheard=1), Census(total=3, missing=1))
    assert seen == [("a", Lane.COUNTING), ("b", Lane.COUNTING)]
    assert (watched.observed(), sorted(watched.prompts())) == (
        ServedObservation(3, 3),
        [("a", Lane.FOLLOWING), ("b", Lane.FOLLOWING)],
    )


async def test_pods_that_come_with_what_is_published_and_go_concern_no_prompt(watched: Watched) -> None:
    for number in range(20):
        watched.report(f"sidecar-{number}", caller=of_pod(f"pod-{number}"))
        watched.convergence.looked_at_pods(running(*(f"pod-{one}" for one in range(number, number + 1))))
    await watched.looked()

    assert watched.prompts() == []
    assert watched.observed() == ServedObservation(3, 3), "who was there and is no more is over"


async def test_whose_pod_runs_is_lost_and_not_forgotten(watched: Watched) -> None:
    watched.report("three", caller=of_pod("pod-1"))
    watched.report("four", caller=of_pod("pod-2"))
    watched.convergence.looked_at_pods(running("pod-1", ending="pod-2"))
    watched.now += FORGOTTEN_SECONDS + 1
    watched.reports.sweep(watched.now)

    assert {each.instance for each in watched.reports.instances("scope-1")} == {"three"}


async def test_a_new_leader_misses_a_pod_that_it_has_not_heard_of(watched: Watched) -> None:
    watched.reports.forget_scope("scope-1")
    watched.convergence.lead()
    watched.convergence.looked_at_pods(running("pod-1", "pod-2"))
    watched.now += FORGOTTEN_SECONDS
    watched.report("one", caller=of_pod("pod-1"))

    # The leader before said that all have it, and what became of the second one nobody knows.
    assert watched.observed() == ServedObservation(2, 2)
    await until(lambda: watched.convergence.censuses.get(NAMESPACE) == Census(total=2, missing=1))


@pytest.mark.parametrize(
    ("seconds", "pods", "heard", "patience", "all_"),
    [
        pytest.param(WARM_UP_SECONDS - 1, ("pod-1",), True, 1, False, id="too soon"),
        pytest.param(WARM_UP_SECONDS, ("pod-1",), True, 1, True, id="every pod was heard of"),
        pytest.param(3600, ("pod-1", "pod-2"), True, 1, False, id="one never, however long"),
        pytest.param(WARM_UP_SECONDS, None, True, 1, False, id="nobody has looked which there are"),
        pytest.param(FORGOTTEN_SECONDS, None, True, 1, True, id="nor can, and all had very much time"),
        pytest.param(100, ("pod-1",), True, 200, False, id="others may still be silent"),
        pytest.param(FORGOTTEN_SECONDS, ("pod-1",), True, 10**7, True, id="for no longer than anybody is remembered"),
        pytest.param(FORGOTTEN_SECONDS, ("pod-1",), False, 1, False, id="nobody at all was heard of"),
    ],
)
async def test_a_new_leader_has_heard_all(
    watched: Watched, seconds: float, pods: tuple[str, ...] | None, heard: bool, patience: float, all_: bool
) -> None:
    watched.reports.forget_scope("scope-1")
    watched.convergence.lead()
    if pods is not None:
        watched.convergence.looked_at_pods(running(*pods))
    if heard:
        watched.report("one", caller=of_pod("pod-1"))
    watched.now += seconds
    watched.convergence.changed("scope-1")

    assert watched.convergence.has_heard_all(patience) is all_


async def test_another_namespace_is_not_concerned(watched: Watched) -> None:
    watched.convergence.changed("scope-of-somebody-else")
    watched.report("three")
    await watched.looked()

    assert {key.namespace for key, _ in watched.keys} <= {NAMESPACE, ""}


async def test_a_report_after_an_activation_looks_at_what_was_activated(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        watched.say(f"p{number}", 20 + number, "all", "True")
        watched.publish(f"p{number}", f"uid-p{number}")
    await until(lambda: watched.published_position().seq > 1)
    for instance in ("one", "two"):
        watched.report(instance)
    await watched.convergence._compare("scope-1")
    looked_at: list[str] = []
    changed_at = watched.publishing.changed_at

    def counted(scope: str, name: str) -> Position | None:
        looked_at.append(name)
        return changed_at(scope, name)

    monkeypatch.setattr(watched.publishing, "changed_at", counted)
    before = watched.published_position()
    watched.activate("p7", 2, 1000)
    await until(lambda: watched.published_position() > before)
    watched.report("one")
    await watched.convergence._compare("scope-1")

    assert set(looked_at) == {"p7"}


async def test_looking_at_every_prompt_reads_none_of_them(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, looking = Mock(wraps=unpacked), Mock(wraps=watched.publishing.changed_at)
    monkeypatch.setattr(store, "unpacked", reading)
    monkeypatch.setattr(watched.publishing, "changed_at", looking)
    watched.convergence.lead()
    await watched.convergence._compare("scope-1")

    assert {call.args[1] for call in looking.call_args_list} == {"a", "b"}
    assert not [call.args[0] for call in reading.call_args_list if isinstance(call.args[0], bytes)]


async def test_who_falls_behind_while_prompts_are_looked_at_concerns_those_that_were_looked_at() -> None:
    watched = Watched()  # nobody else looks meanwhile
    before, names = watched.published_position(), [f"p{number}" for number in range(250)]
    for number, name in enumerate(names):
        watched.say(name, 20 + number, "all", "True")
        watched.publish(name, f"uid-{name}")
    await until(lambda: watched.published_position() > before)
    for instance in ("one", "two"):
        watched.report(instance)
    watched.keys.clear()
    looking = asyncio.create_task(watched.convergence._compare("scope-1"))
    await asyncio.sleep(0)
    watched.report("one", position=before, incarnation="restored")
    await looking
    assert len(watched.prompts()) < len(names)
    await watched.convergence._compare("scope-1")

    assert {name for name, _ in watched.prompts()} >= set(names)


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_nothing_that_is_news_is_overlooked(seed: int) -> None:
    watched, chance = Watched(), random.Random(seed)  # noqa: S311
    names, revisions, numbers = ("a", "b", "c", "d"), Counter[str](), itertools.count(100)
    held: dict[str, Position | None] = {"one": None, "two": None}
    refuses: dict[str, tuple[Nack, ...]] = {}
    overlooked: list[tuple[int, str]] = []
    for step in range(100):
        match chance.randrange(6):
            case 0:
                name = chance.choice(names)
                revisions[name] += 1
                watched.activate(name, revisions[name] + 1, next(numbers))
                await asyncio.sleep(0.012)
            case 1:
                held[chance.choice(("one", "two", "three", "four"))] = watched.publishing.position("scope-1")
            case 2:
                behind = watched.published_position()
                held["five"] = Position(behind.epoch, behind.term, max(1, behind.seq - chance.randrange(4)))
            case 3 if len(held) > 1:
                gone = chance.choice(sorted(held))
                del held[gone]
                watched.report(gone, goodbye=True)
            case 4 if held:
                name = chance.choice(names)
                refused = Nack(name, f"uid-{name}", revisions[name] + 1, "BlobUnavailable")
                refuses = {chance.choice(sorted(held)): (refused,)} if not refuses else {}
        watched.incarnation += 1
        for instance, position in held.items():
            nacks = refuses.get(instance, ())
            watched.report(instance, position=position, incarnation=str(watched.incarnation), nacks=nacks)
        await watched.convergence._compare("scope-1")
        watched.decide_on_news(numbers)
        overlooked += [(step, name) for name in watched.news()]

    assert overlooked == []
