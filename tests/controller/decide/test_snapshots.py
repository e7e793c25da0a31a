"""What a decision looks at is bounded, whatever an editor of the namespace creates."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import Mock

import pytest

from promptops.api.feed import MAX_PINS
from promptops.controller.decide.snapshots import MOST_VERSIONS, Snapshots
from promptops.controller.intake import store as intake_store
from promptops.controller.intake.contents import AT_ONCE_BYTES
from promptops.controller.intake.slim import unpacked
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import prompt_key
from promptops.domain.content.sourcing import judge
from promptops.domain.manifests import PARTIAL
from promptops.domain.reconcile import decide_prompt
from promptops.domain.snapshot import NO_RULES, PromptSnapshot
from tests.controller.manifests import NAMESPACE, config_map, prompt, reading, version
from tests.controller.publish.test_publishing import now
from tests.support.growth import assert_linear

KEY = prompt_key(NAMESPACE, "greeting")


def with_versions(count: int, active: str = "1.0.0") -> tuple[ObjectStore, Snapshots]:
    """A prompt and so many versions of it."""
    store = ObjectStore()
    store.ingest("Prompt", None, prompt("greeting", 1, spec={"activeVersion": active}))
    for number in range(count):
        store.ingest("PromptVersion", None, version("greeting", f"1.0.{number}", 10 + number))
    return store, Snapshots(store, lambda _: "team", lambda _: NO_RULES, lambda *_: None, lambda *_: None, judge)


def snapshot_of(snapshots: Snapshots) -> PromptSnapshot:
    found = snapshots.of_prompt(KEY)
    assert found is not None
    return found


def test_it_looks_at_the_newest_and_at_those_that_are_named() -> None:
    _, snapshots = with_versions(MOST_VERSIONS + 100, active="1.0.3")
    looked_at = snapshot_of(snapshots)
    numbers = [each["spec"]["version"] for each in looked_at.versions]

    assert numbers == ["1.0.3", *(f"1.0.{number}" for number in range(100, MOST_VERSIONS + 100))]
    assert looked_at.more_versions == 99


def test_those_it_does_not_look_at_are_counted() -> None:
    _, snapshots = with_versions(MOST_VERSIONS + 100)
    status = decide_prompt(snapshot_of(snapshots), now()).status

    assert status is not None
    assert (status["versionCount"], status["serving"]["stable"]["version"]) == (MOST_VERSIONS + 100, "1.0.0")


def test_numbers_are_ordered_as_versions_are_and_not_as_text() -> None:
    store, snapshots = with_versions(12)
    gone = store.get("PromptVersion", NAMESPACE, "greeting-1.0.3")
    assert gone is not None
    store.ingest("PromptVersion", "DELETED", {**gone, "metadata": {**gone["metadata"], "resourceVersion": "99"}})

    assert [each["spec"]["version"] for each in snapshots.versions_of(NAMESPACE, "greeting")] == [
        f"1.0.{number}" for number in range(12) if number != 3
    ]


def test_large_content_that_is_asked_for_is_named_beforehand() -> None:
    store, snapshots = with_versions(2)
    for number in (1, 2):
        large = version("greeting", f"1.1.{number}", 90 + number)
        large["spec"]["content"]["text"] = "x" * AT_ONCE_BYTES
        store.ingest("PromptVersion", None, large)

    assert snapshots.not_looked_at(KEY) == ("uid-greeting-1.1.1", "uid-greeting-1.1.2")


def test_so_is_what_is_named_however_many_came_since() -> None:
    store, snapshots = with_versions(MAX_PINS + 10, active="0.9.0")
    large = version("greeting", "0.9.0", 90)
    large["spec"]["content"]["text"] = "x" * AT_ONCE_BYTES
    store.ingest("PromptVersion", None, large)

    assert snapshots.not_looked_at(KEY) == ("uid-greeting-0.9.0",)


def test_asking_for_it_reads_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    _, snapshots = with_versions(MAX_PINS)
    reading = Mock(wraps=unpacked)
    monkeypatch.setattr(intake_store, "unpacked", reading)
    snapshots.not_looked_at(KEY)

    assert reading.call_count == 1  # the prompt


def test_config_maps_that_are_asked_for_are_read_beforehand_and_no_others() -> None:
    store, snapshots = with_versions(0)
    spec = {**reading("texts"), "valuesFrom": [{"configMapName": "values"}, {"configMapName": "nowhere"}]}
    store.ingest("Prompt", None, prompt("greeting", 2, spec=spec))
    for number, name in enumerate(("texts", "values", "another"), start=10):
        store.ingest("ConfigMap", None, {**config_map(name, number, {}), "kind": PARTIAL})
    before = {each["metadata"]["name"] for each in snapshots.unread(KEY)}
    store.ingest("ConfigMap", None, config_map("texts", 10, {"text": "Hello"}))
    read = snapshot_of(snapshots).config_map

    assert before == {"texts", "values"}
    assert [each["metadata"]["name"] for each in snapshots.unread(KEY)] == ["values"]
    assert read is not None
    assert read["data"] == {"text": "Hello"}


def test_a_decision_beside_many_versions_grows_with_their_number_and_no_more() -> None:
    def deciding(count: int) -> Callable[[], object]:
        _, snapshots = with_versions(count)
        decide_prompt(snapshot_of(snapshots), now())
        return lambda: decide_prompt(snapshot_of(snapshots), now())

    assert_linear(deciding, MOST_VERSIONS // 2)
