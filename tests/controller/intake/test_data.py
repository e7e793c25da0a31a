"""The data of ConfigMaps: what is kept of it is bounded, whatever stands in them and however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.controller.intake.data import ConfigMapData
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import Key, prompt_key
from promptops.domain.manifests import PARTIAL
from promptops.domain.reconcile.history import latest_manager
from tests.controller.manifests import NAMESPACE, config_map, prompt, reading

GREETING = prompt_key(NAMESPACE, "greeting")


def told(name: str, resource_version: int) -> dict[str, Any]:
    """What the watch tells of a ConfigMap."""
    whole = config_map(name, resource_version, {})
    return {"apiVersion": "meta.k8s.io/v1", "kind": PARTIAL, "metadata": whole["metadata"]}


@pytest.fixture
def store() -> ObjectStore:
    """A store that knows a Prompt and, by its metadata, the ConfigMap that it reads."""
    made = ObjectStore()
    made.ingest("Prompt", None, prompt("greeting", 1, reading("texts")))
    made.ingest("ConfigMap", "ADDED", told("texts", 5))
    return made


def read(store: ObjectStore, name: str = "texts") -> object:
    found = store.get("ConfigMap", NAMESPACE, name)
    assert found is not None
    return store.data.whole(found).get("data")


def test_of_a_config_map_that_was_told_of_nothing_is_kept_but_its_metadata(store: ObjectStore) -> None:
    many: dict[str, dict[str, str]] = {f"f:key-{number}": {} for number in range(1000)}
    writer = {"manager": "git", "fieldsV1": {"f:data": many}}
    told_more = told("texts", 6)
    told_more["metadata"] |= {"managedFields": [writer], "annotations": {"note": "x" * 10_000}}
    store.ingest("ConfigMap", "MODIFIED", told_more)
    unread = store.unread(NAMESPACE, "texts")

    assert unread is not None
    assert unread["metadata"].keys() <= {"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "labels"}
    assert (read(store), store.data.size) == (None, 0)


def test_who_wrote_a_key_is_known_of_what_was_read(store: ObjectStore) -> None:
    whole = config_map("texts", 5, {"text": "Hello"})
    whole["metadata"]["managedFields"] = [{"manager": "git", "fieldsV1": {"f:data": {"f:text": {}}}}]
    store.ingest("ConfigMap", None, whole)
    found = store.get("ConfigMap", NAMESPACE, "texts")
    assert found is not None

    assert latest_manager(store.data.whole(found), ("f:data", "f:text")) == "git"


def test_what_was_read_of_the_state_that_was_told_of_is_at_hand_and_no_news(store: ObjectStore) -> None:
    keys = store.ingest("ConfigMap", None, config_map("texts", 5, {"text": "Hello"}))

    assert (keys, store.unread(NAMESPACE, "texts"), read(store)) == (frozenset(), None, {"text": "Hello"})


@pytest.mark.parametrize(
    ("news", "keys", "data"),
    [
        pytest.param(told("texts", 6), frozenset({GREETING}), None, id="an edit that was told of: read it again"),
        pytest.param(
            config_map("texts", 6, {"text": "y"}), frozenset({GREETING}), {"text": "y"}, id="an edit that was read"
        ),
        pytest.param(told("texts", 5), frozenset(), {"text": "x"}, id="told of once more"),
        pytest.param(config_map("texts", 4, {"text": "w"}), frozenset(), {"text": "x"}, id="an older state"),
        pytest.param(
            config_map("texts", 4, {}, uid="other"), frozenset(), {"text": "x"}, id="an earlier one of the same name"
        ),
    ],
)
def test_what_news_of_a_config_map_that_was_read_come_to(
    store: ObjectStore, news: dict[str, Any], keys: frozenset[Key], data: object
) -> None:
    store.ingest("ConfigMap", None, config_map("texts", 5, {"text": "x"}))
    decided_anew = store.ingest("ConfigMap", None, news)

    assert (decided_anew, read(store)) == (keys, data)


@pytest.mark.parametrize("type_", ["DELETED", None], ids=["deleted", "restored from a copy"])
def test_nothing_stays_of_what_may_be_another_by_now(store: ObjectStore, type_: str | None) -> None:
    store.ingest("ConfigMap", None, config_map("texts", 5, {"text": "x"}))
    if type_ is None:
        store.rewind()
    else:
        store.ingest("ConfigMap", type_, told("texts", 6))

    assert store.data.size == 0


def test_binary_keys_are_known_by_name_alone(store: ObjectStore) -> None:
    store.ingest("ConfigMap", None, {**config_map("texts", 5, {}), "binaryData": {"logo": "AAAA" * 10_000}})
    found = store.get("ConfigMap", NAMESPACE, "texts")
    assert found is not None

    assert store.data.whole(found)["binaryData"] == {"logo": ""}


@pytest.mark.parametrize("character", ["x", "é", "語", "😀"], ids=["ascii", "latin", "wide", "widest"])
def test_what_is_kept_of_all_has_a_bound_in_bytes_of_memory(character: str) -> None:
    data = ConfigMapData(most_bytes=1_000_000)
    maps = [config_map(f"c{number}", number, {"k": character * 50_000}) for number in range(1, 101)]
    kept = [data.take(each) for each in maps]

    assert data.size <= 1_000_000
    assert "data" in data.whole(kept[-1])
    assert "data" not in data.whole(kept[0])


def test_what_is_looked_at_is_kept_before_what_is_not() -> None:
    data = ConfigMapData(most_bytes=11_000)
    often, seldom, *more = (data.take(config_map(f"c{number}", 1, {"k": "x" * 3_000})) for number in range(3))
    data.whole(often)
    more.append(data.take(config_map("c3", 1, {"k": "x" * 3_000})))

    assert [data.is_there(each) for each in (often, seldom, *more)] == [True, False, True, True]


def test_one_that_is_larger_than_the_bound_can_still_be_decided_on() -> None:
    data = ConfigMapData(most_bytes=1_000)
    kept = data.take(config_map("large", 1, {"k": "x" * 5_000}))

    assert data.whole(kept)["data"] == {"k": "x" * 5_000}
