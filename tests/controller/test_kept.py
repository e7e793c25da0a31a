"""What the operator keeps of every prompt and version, once they are decided on and published: all parts together, without an API server."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

from promptops.cache.signing import Signer
from promptops.cluster.events import EventRecorder
from promptops.controller.decide.grounds import Grounds
from promptops.controller.decide.snapshots import Snapshots
from promptops.controller.intake.store import ObjectStore
from promptops.controller.intake.watch import Forgetful, taken
from promptops.controller.keys import prompt_key, version_key
from promptops.controller.publish.projections import Projections
from promptops.controller.publish.publishing import Publishing
from promptops.controller.publish.tenancy import Tenancy
from promptops.domain.content.sourcing import judge
from promptops.domain.reconcile import decide_prompt, decide_version
from promptops.domain.snapshot import Transition
from promptops.feed.origin import Origin
from tests.controller.manifests import NAMESPACE, made, prompt, version
from tests.controller.publish.test_publishing import now

PROMPTS = 100
BYTES_PER_OBJECT = 5000


class Deciding:
    """What remembers something of a prompt, from its arrival until it is served."""

    def __init__(self) -> None:
        self.store = ObjectStore()
        tenancy = Tenancy(self.store, "Implicit", now)
        self.publishing = Publishing(self.store, tenancy)
        self.store.ingest("Namespace", "ADDED", made("Namespace", NAMESPACE, 1, namespace=""))
        self.publishing.fill(Origin(Signer(b"k" * 32), 1, 1))
        self.publishing.begin(NAMESPACE)
        self.projections = Projections(None, None, lambda: True, lambda *_: None)  # type: ignore[arg-type]
        self.grounds = Grounds()
        self.snapshots = Snapshots(
            self.store,
            tenancy.tenant_of,
            tenancy.rules_of,
            lambda *_: None,
            self.publishing.published_revision,
            judge,
            projected=self.projections.report_of,
        )
        self._resource_version = 1

    def written(self, kind: str, manifest: Any, status: dict[str, Any] | None) -> None:
        """Take in an object as the API server answers, and as the watch repeats it."""
        self._resource_version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self._resource_version)}
        if status is not None:
            self.store.expect_status(metadata["uid"], status)
        for type_ in (None, "MODIFIED"):
            self.store.ingest(kind, type_, {**manifest, "metadata": metadata, "status": status or {}})

    def serve(self, name: str) -> None:
        """Have a prompt of two kilobytes come, be decided on, and be served."""
        of_prompt, of_version = prompt_key(NAMESPACE, name), version_key(NAMESPACE, f"{name}-1.0.0")
        one = version(name, "1.0.0", 0)
        one["spec"]["content"]["text"] = f"{name} " + "lorem ipsum dolor sit amet " * 55
        self.written("PromptVersion", one, None)
        self.written("Prompt", prompt(name, 0), None)
        asked = self.snapshots.of_prompt(of_prompt)
        assert asked is not None
        outcome = decide_prompt(asked, now())
        self.written("Prompt", asked.prompt, outcome.status)
        self.publishing.publish(asked.prompt, outcome)
        self.projections.want(asked.prompt, outcome)
        follows = self.snapshots.of_version(of_version)
        assert follows is not None
        self.written("PromptVersion", one, decide_version(follows, now()).status)
        self.grounds.decided(of_prompt, asked.prompt, follows.version)


async def test_an_object_costs_a_few_kilobytes_from_its_arrival_to_its_being_served() -> None:
    deciding = Deciding()
    deciding.serve("the-first-one-fills-what-all-share")
    tracemalloc.start()
    for number in range(PROMPTS):
        deciding.serve(f"prompt-{number}")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept / (2 * PROMPTS) < BYTES_PER_OBJECT


async def test_what_is_projected_nowhere_keeps_no_prompt() -> None:
    deciding = Deciding()
    deciding.serve("greeting")
    asked = deciding.snapshots.of_prompt(prompt_key(NAMESPACE, "greeting"))
    assert asked is not None
    outcome = decide_prompt(asked, now())
    deciding.projections.clear()
    held = sys.getrefcount(asked.prompt)
    deciding.projections.want(asked.prompt, outcome)
    after = sys.getrefcount(asked.prompt)

    assert after == held


async def test_an_event_that_waits_keeps_no_object() -> None:
    recorder = EventRecorder(None, "operator-0")  # type: ignore[arg-type]
    about = prompt("greeting", 1)
    held = sys.getrefcount(about)
    recorder.record(about, Transition("Normal", "Activated", "version 1.0.0 is served"))
    after = sys.getrefcount(about)

    assert after == held


def test_kopf_is_left_nothing_of_an_object() -> None:
    event: Any = {"type": "MODIFIED", "object": prompt("greeting", 1)}
    manifest = taken(event)

    assert (manifest, event["object"]) == (prompt("greeting", 1), {})


async def test_kopf_remembers_nothing_of_objects() -> None:
    memories = Forgetful()
    for number in range(3):
        await memories.recall({"metadata": {"uid": f"uid-{number}"}}, noticed_by_listing=True)

    assert [*memories.iter_all_memories()] == []
