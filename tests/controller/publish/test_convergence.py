"""Prompts are decided anew when what serves them changes: once per change, and only those it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from promptops.api.feed import Report
from promptops.controller.keys import Key, prompt_key
from promptops.controller.publish.convergence import Convergence
from promptops.domain.convergence import WARM_UP_SECONDS
from promptops.domain.snapshot import ServedObservation
from promptops.feed.authentication import Caller
from promptops.feed.reports import Reports
from tests.controller.manifests import NAMESPACE, prompt
from tests.controller.publish.test_publishing import Cluster, namespace
from tests.support.waiting import until

CALLER = Caller("scope-1", NAMESPACE, "team", None, "app")


class Watched(Cluster):
    """A leader of an hour, with two prompts that are served."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.keys: list[Key] = []
        self.reports = Reports(self.publishing.position)
        self.convergence = Convergence(
            self.store,
            self.reports,
            self.publishing,
            lambda key, lane: self.keys.append(key),
            monotonic=lambda: self.now,
        )
        self.take_in(namespace(3))
        for number, name in enumerate(("a", "b"), start=5):
            self.take_in(prompt(name, number, status={"serving": {"revision": 1}, "served": {"total": 0, "ready": 0}}))
        self.lead(1)
        for name in ("a", "b"):
            self.publish(name, f"uid-{name}")
        self.publishing.begin(NAMESPACE)
        self.convergence.lead()
        self.now += 3600
        self.observe()

    def observe(self) -> dict[str, ServedObservation | None]:
        """Decide on both, as the reconciler would."""
        prompts: dict[str, Any] = {name: self.store.get("Prompt", NAMESPACE, name) for name in ("a", "b")}
        return {name: self.convergence.observation(manifest) for name, manifest in prompts.items()}

    def report(self, **changes: Any) -> None:
        position = self.publishing.position("scope-1")
        self.reports.record(CALLER, Report("one", **{"position": position, **changes}), self.now)


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    running = asyncio.create_task(made.convergence.run())
    yield made
    running.cancel()


BOTH = {prompt_key(NAMESPACE, "a"), prompt_key(NAMESPACE, "b")}


async def test_an_instance_that_comes_concerns_every_prompt_of_its_scope(watched: Watched) -> None:
    watched.report()
    await until(lambda: bool(watched.keys))

    assert set(watched.keys) == BOTH
    assert watched.observe() == dict.fromkeys(("a", "b"), ServedObservation(1, 1, 0))


async def test_many_reports_are_one_look(watched: Watched) -> None:
    for number in range(50):
        caller = Caller("scope-1", NAMESPACE, "team", f"pod-{number}", "app")
        watched.reports.record(caller, Report("one", watched.publishing.position("scope-1")), watched.now)
    await until(lambda: bool(watched.keys))

    assert len(watched.keys) == 2


async def test_what_was_decided_on_already_is_not_decided_on_again(watched: Watched) -> None:
    watched.report()
    await until(lambda: bool(watched.keys))
    watched.observe()
    watched.keys.clear()
    watched.report(kids=("k",))
    watched.convergence.changed("scope-1")
    watched.reports.record(CALLER, Report("two", watched.publishing.position("scope-1")), watched.now)
    await until(lambda: len(watched.keys) == 2)

    assert set(watched.keys) == BOTH


async def test_an_instance_that_falls_silent_is_noticed(watched: Watched) -> None:
    watched.report()
    await until(lambda: bool(watched.keys))
    watched.observe()
    watched.keys.clear()
    watched.now += 25

    await until(lambda: bool(watched.keys))

    assert watched.observe()["a"] == ServedObservation(0, 1, 1)


async def test_a_new_leader_is_believed_after_half_a_minute(watched: Watched) -> None:
    watched.convergence.lead()
    early = watched.observe()["a"]
    watched.keys.clear()
    watched.now += WARM_UP_SECONDS

    await until(lambda: set(watched.keys) == BOTH)

    assert (early, watched.observe()["a"]) == (None, ServedObservation(0, 0, 0))


async def test_another_namespace_is_not_concerned(watched: Watched) -> None:
    watched.convergence.changed("scope-of-somebody-else")
    watched.report()
    await until(lambda: bool(watched.keys))

    assert {key.namespace for key in watched.keys} == {NAMESPACE}
