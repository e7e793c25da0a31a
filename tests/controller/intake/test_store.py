"""The only door: what is news, what is an echo, what is gone, and who has to be decided anew."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from promptops.controller.intake.store import DELETED, ObjectStore
from promptops.controller.keys import TENANCY, Key, prompt_key, version_key
from tests.controller.manifests import NAMESPACE, config_map, made, prompt, reading, version

GREETING = prompt_key(NAMESPACE, "greeting")


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> ObjectStore:
    return ObjectStore(clock)


def take_in(store: ObjectStore, *manifests: dict[str, Any]) -> frozenset[Key]:
    """Hand objects over; return what the last one has decided anew."""
    keys: frozenset[Key] = frozenset()
    for manifest in manifests:
        keys = store.ingest(manifest["kind"], "MODIFIED", manifest)
    return keys


@pytest.mark.parametrize(
    ("known", "news", "expected"),
    [
        pytest.param((), prompt("greeting", 5), {GREETING}, id="a new prompt"),
        pytest.param((prompt("greeting", 5),), prompt("greeting", 5), set(), id="the same state again"),
        pytest.param((prompt("greeting", 5),), prompt("greeting", 4), set(), id="an older state"),
        pytest.param(
            (prompt("greeting", 5),), prompt("greeting", 6, {"activeVersion": "2.0.0"}), {GREETING}, id="another spec"
        ),
        pytest.param((prompt("greeting", 5),), prompt("greeting", 6), set(), id="nothing but another resourceVersion"),
        pytest.param(
            (prompt("greeting", 5),),
            prompt("greeting", 6, status={"phase": "Healthy"}),
            {GREETING},
            id="a status that somebody else wrote",
        ),
        pytest.param(
            (prompt("greeting", 5),), version("greeting", "1.0.0", 6), {GREETING}, id="a version leads to its prompt"
        ),
        pytest.param(
            (),
            version("greeting", "1.0.0", 6),
            {version_key(NAMESPACE, "greeting-1.0.0")},
            id="a version without a prompt is decided itself",
        ),
        pytest.param(
            (prompt("greeting", 5, reading("texts")), prompt("other", 6)),
            config_map("texts", 7, {"text": "x"}),
            {GREETING},
            id="a ConfigMap leads to the prompts that read it",
        ),
        pytest.param(
            (prompt("greeting", 5, reading("texts")), config_map("texts", 6, {"text": "x"})),
            config_map("texts", 7, {"text": "y"}),
            {GREETING},
            id="a ConfigMap's data changed",
        ),
        pytest.param(
            (prompt("greeting", 5, reading("texts")), prompt("greeting", 6)),
            config_map("texts", 7, {"text": "x"}),
            set(),
            id="a ConfigMap that is read no more",
        ),
        pytest.param(
            (prompt("greeting", 5, reading("texts")),),
            config_map("texts", 7, {"text": "x"}, namespace="elsewhere"),
            set(),
            id="a ConfigMap of the same name in another namespace",
        ),
        pytest.param(
            (prompt("greeting", 5, {"promptId": "hello"}),),
            prompt("hello", 6),
            {GREETING, prompt_key(NAMESPACE, "hello")},
            id="a prompt whose name is another's id",
        ),
        pytest.param(
            (prompt("greeting", 5, {"promptId": "hi"}), prompt("other", 6, {"promptId": "hi"})),
            prompt("other", 7, {"promptId": "bye"}),
            {GREETING, prompt_key(NAMESPACE, "other")},
            id="a rival gives the id up",
        ),
        pytest.param((), made("Namespace", "team", 5, namespace=""), {TENANCY}, id="a namespace"),
        pytest.param((), made("Tenant", "team", 5, namespace=""), {TENANCY}, id="a tenant"),
    ],
)
def test_what_is_decided_anew(
    store: ObjectStore, known: tuple[dict[str, Any], ...], news: dict[str, Any], expected: set[Key]
) -> None:
    take_in(store, *known)

    assert take_in(store, news) == expected


@pytest.mark.parametrize("answered_first", [True, False], ids=["the answer first", "the watch first"])
def test_the_echo_of_our_own_status_write_is_dropped(store: ObjectStore, answered_first: bool) -> None:
    status = {"phase": "Healthy"}
    take_in(store, prompt("greeting", 5))
    store.expect_status("uid-greeting", status)
    echo = prompt("greeting", 6, status=status)
    kinds = (None, "MODIFIED") if answered_first else ("MODIFIED", None)

    keys = [store.ingest("Prompt", kind, echo) for kind in kinds]

    assert keys == [frozenset(), frozenset()]
    assert store.get("Prompt", NAMESPACE, "greeting") == echo


def test_a_status_that_stands_in_the_object_is_kept_once(store: ObjectStore) -> None:
    status = {"phase": "Healthy", "message": "m" * 100}
    take_in(store, prompt("greeting", 5))
    store.expect_status("uid-greeting", status)
    while_it_is_written = sys.getrefcount(status)
    take_in(store, prompt("greeting", 6, status=dict(status)))

    assert sys.getrefcount(status) == while_it_is_written - 1


def test_what_a_status_says_in_short_follows_the_object(store: ObjectStore) -> None:
    said = []
    for number, phase in enumerate(("Pending", "Healthy", "Healthy", "Degraded"), start=5):
        take_in(store, prompt("greeting", number, status={"phase": phase}))
        said += [standing.phase for _, standing in store.standings()]
    store.ingest("Prompt", DELETED, prompt("greeting", 9))

    assert (said, list(store.standings())) == (["Pending", "Healthy", "Healthy", "Degraded"], [])


def test_a_spec_that_changed_together_with_our_status_is_no_echo(store: ObjectStore) -> None:
    status = {"phase": "Healthy"}
    take_in(store, prompt("greeting", 5))
    store.expect_status("uid-greeting", status)

    keys = take_in(store, prompt("greeting", 7, {"activeVersion": "2.0.0"}, status=status, generation=2))

    assert keys == {GREETING}


def test_a_deleted_prompt_has_itself_its_versions_and_its_rivals_decided_anew(store: ObjectStore) -> None:
    take_in(store, prompt("greeting", 5, {"promptId": "hi"}), prompt("hi", 6), version("greeting", "1.0.0", 7))

    keys = store.ingest("Prompt", DELETED, prompt("greeting", 8))

    assert keys == {GREETING, prompt_key(NAMESPACE, "hi"), version_key(NAMESPACE, "greeting-1.0.0")}
    assert store.get("Prompt", NAMESPACE, "greeting") is None


def test_what_was_deleted_does_not_come_back_from_an_older_list(store: ObjectStore) -> None:
    take_in(store, prompt("greeting", 5))
    store.ingest("Prompt", DELETED, prompt("greeting", 8))

    keys = store.ingest("Prompt", None, prompt("greeting", 7))

    assert keys == frozenset()
    assert store.all("Prompt") == ()


def test_a_config_map_that_gets_its_label_back_is_the_same_object_and_news(store: ObjectStore) -> None:
    take_in(store, prompt("greeting", 4, reading("texts")), config_map("texts", 5, {"text": "x"}))
    store.ingest("ConfigMap", DELETED, config_map("texts", 8, {"text": "x"}))

    keys = take_in(store, config_map("texts", 9, {"text": "x"}))

    assert keys == {GREETING}


@pytest.mark.parametrize("deletion_first", [True, False], ids=["deletion heard first", "deletion heard last"])
def test_an_object_recreated_under_the_same_name(store: ObjectStore, deletion_first: bool) -> None:
    take_in(store, prompt("greeting", 5, uid="old"))
    recreated = prompt("greeting", 9, uid="new")
    news = [(DELETED, prompt("greeting", 8, uid="old")), ("ADDED", recreated)]

    keys = [store.ingest("Prompt", *each) for each in (news if deletion_first else reversed(news))]

    assert GREETING in frozenset().union(*keys)
    assert store.get("Prompt", NAMESPACE, "greeting") == recreated


def test_a_late_event_about_the_object_before_the_recreated_one_changes_nothing(store: ObjectStore) -> None:
    recreated = prompt("greeting", 9, uid="new")
    take_in(store, recreated)

    keys = take_in(store, prompt("greeting", 7, uid="old"))

    assert keys == frozenset()
    assert store.get("Prompt", NAMESPACE, "greeting") == recreated


def test_a_list_tells_what_is_gone_and_what_is_outdated(store: ObjectStore) -> None:
    take_in(store, *(prompt(name, 5) for name in ("kept", "changed", "gone")), prompt("younger", 30))
    listed = [prompt("kept", 5), prompt("changed", 8), prompt("missed", 9)]

    difference = store.compare("Prompt", listed, "20")

    assert [manifest["metadata"]["name"] for manifest in difference.gone] == ["gone"], (
        "what is younger than the list stays"
    )
    assert set(difference.outdated) == {(NAMESPACE, "changed"), (NAMESPACE, "missed")}
    assert not difference.shrinks_by_half


@pytest.mark.parametrize(
    ("left", "doubtful"),
    [
        pytest.param(3, False, id="one of four"),
        pytest.param(2, False, id="half"),
        pytest.param(1, True, id="more"),
        pytest.param(0, True, id="all"),
    ],
)
def test_a_list_that_takes_away_more_than_half_is_doubted(store: ObjectStore, left: int, doubtful: bool) -> None:
    prompts = [prompt(f"p{number}", 5) for number in range(4)]
    take_in(store, *prompts)

    difference = store.compare("Prompt", prompts[:left], "20")

    assert difference.shrinks_by_half == doubtful


def test_a_list_of_one_kind_says_nothing_of_another(store: ObjectStore) -> None:
    take_in(store, prompt("greeting", 5), version("greeting", "1.0.0", 6))

    difference = store.compare("PromptVersion", [], "20")

    assert [manifest["kind"] for manifest in difference.gone] == ["PromptVersion"]


def test_a_namespace_settles_a_second_after_the_last_arrival(store: ObjectStore, clock: Clock) -> None:
    first = prompt("greeting", 5)
    take_in(store, first)
    clock.now += 0.9
    take_in(store, prompt("other", 6))
    before = store.is_settled(first)
    clock.now += 0.9
    during = store.is_settled(first)
    clock.now += 0.2

    assert (before, during, store.is_settled(first)) == (False, False, True)


def test_an_object_waits_no_longer_than_ten_seconds_for_its_namespace_to_settle(
    store: ObjectStore, clock: Clock
) -> None:
    first = prompt("greeting", 5)
    take_in(store, first)
    for number in range(21):
        clock.now += 0.5
        take_in(store, prompt(f"p{number}", 6 + number))

    assert store.is_settled(first)
    assert not store.is_settled(prompt("p20", 26))


def test_our_own_status_writes_unsettle_nothing(store: ObjectStore, clock: Clock) -> None:
    take_in(store, prompt("greeting", 5))
    clock.now += 2
    take_in(store, prompt("greeting", 6, status={"phase": "Healthy"}))

    assert store.is_settled(prompt("greeting", 6))
