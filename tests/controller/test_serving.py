"""What the operator makes of prompts, versions and ConfigMaps, on a real API server under its own account."""

from __future__ import annotations

import json

import pytest

from promptops.cluster.resources import CONFIG_MAPS
from tests.support.manifests import config_map, owner, prompt, reading, version
from tests.support.waiting import eventually, wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster


def test_a_prompt_and_its_version_are_served(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "Hello"))
    world.until_serves("greeting", "1.0.0")

    status = world.status("greeting")

    assert world.condition("greeting", "Ready")[:2] == ("True", "Active")
    assert world.condition("greeting", "Converged")[:2] == ("True", "NoConsumers")
    assert (status["phase"], status["observedGeneration"]) == ("Healthy", 1)
    assert world.digest("greeting-1.0.0") == status["serving"]["stable"]["digest"]
    eventually(lambda: world.get("promptversion", "greeting-1.0.0")["status"].get("phase"), "Active")


def test_applied_in_any_order_the_end_is_the_same(world: World) -> None:
    world.apply(version("greeting", "1.0.0", "Hello"))
    world.apply(prompt("greeting", activeVersion="1.0.0"))

    world.until_serves("greeting", "1.0.0")


def test_activation_and_rollback_are_an_edit_of_one_line(world: World) -> None:
    world.apply(
        prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "A"), version("greeting", "1.1.0", "B")
    )
    world.until_serves("greeting", "1.0.0")
    world.activate("greeting", "1.1.0")
    world.until_serves("greeting", "1.1.0")
    world.activate("greeting", "1.0.0")
    world.until_serves("greeting", "1.0.0")

    history = world.status("greeting")["history"]

    assert [(row["version"], row["reason"]) for row in history] == [
        ("1.0.0", "RolledBack"),
        ("1.1.0", "Activated"),
        ("1.0.0", "Activated"),
    ]


def test_a_transition_is_told_in_an_event(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "A"))

    # Who is slow between prompt and version is told of that, too.
    (event,) = wait_until(
        lambda: [each for each in world.all("events") if each["reason"] == "Activated"], lambda: world.all("events")
    )

    assert event["type"] == "Normal"
    assert event["involvedObject"]["kind"] == "Prompt"
    assert event["involvedObject"]["uid"] == world.get("prompt", "greeting")["metadata"]["uid"]


def test_a_missing_version_is_pending_and_served_when_it_arrives(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"))
    message = world.until_ready("greeting", "False", "VersionNotFound")
    world.apply(version("greeting", "1.0.0", "A"))

    world.until_serves("greeting", "1.0.0")

    assert "greeting-1.0.0" in message or "1.0.0" in message


def test_a_bad_version_never_displaces_a_good_one(world: World) -> None:
    world.apply(
        prompt("greeting", activeVersion="1.0.0"),
        version("greeting", "1.0.0", "A"),
        version("greeting", "1.1.0", "{{ nobody_declared_it }}"),
    )
    world.until_serves("greeting", "1.0.0")
    world.activate("greeting", "1.1.0")
    world.until_ready("greeting", "False", "VersionInvalid")

    assert world.serves("greeting") == "1.0.0"
    assert world.status("greeting")["phase"] == "Degraded"
    world.until_ready("greeting-1.1.0", "False", "UndeclaredVariable", "promptversion")


def test_an_inline_source_becomes_numbered_versions(world: World) -> None:
    world.apply(prompt("notes", source={"content": {"text": "one"}}))
    world.until_serves("notes", "1.0.0")
    world.apply(prompt("notes", source={"content": {"text": "two"}}))
    world.until_serves("notes", "1.0.1")

    made = world.get("promptversion", "notes-1.0.1")

    owner = made["metadata"]["ownerReferences"][0]
    assert owner["uid"] == world.get("prompt", "notes")["metadata"]["uid"]
    assert (owner["controller"], owner.get("blockOwnerDeletion", False)) == (True, False)
    assert made["metadata"]["labels"] == {"promptops.io/generated": "true", "promptops.io/prompt": "notes"}


def test_a_source_edited_back_reuses_the_number(world: World) -> None:
    for text, number in (("A", "1.0.0"), ("B", "1.0.1"), ("A", "1.0.0")):
        world.apply(prompt("notes", source={"content": {"text": text}}))
        world.until_serves("notes", number)

    assert sorted(each["spec"]["version"] for each in world.all("promptversions")) == ["1.0.0", "1.0.1"]


def test_too_many_generated_versions_are_pruned(world: World) -> None:
    for number in range(5):
        world.apply(prompt("notes", source={"content": {"text": f"text {number}"}}, historyLimit=2))
        world.until_serves("notes", f"1.0.{number}")

    eventually(lambda: sorted(each["spec"]["version"] for each in world.all("promptversions")), ["1.0.3", "1.0.4"])
    assert world.status("notes")["latestVersion"] == "1.0.4"


def test_a_config_map_is_reloaded_while_running(world: World) -> None:
    world.apply(prompt("style", source=reading("texts")), config_map("texts", "one"))
    world.until_serves("style", "1.0.0")
    world.apply(config_map("texts", "two"))

    world.until_serves("style", "1.0.1")

    assert world.get("promptversion", "style-1.0.1")["spec"]["content"] == {"text": "two"}


def test_a_config_map_without_the_label_is_not_seen(world: World) -> None:
    world.apply(prompt("style", source=reading("texts")), config_map("texts", "one", labelled=False))
    message = world.until_ready("style", "False", "ConfigMapNotFound")
    world.kubectl("label", "configmap", "texts", "promptops.io/watch=true")

    world.until_serves("style", "1.0.0")

    assert "promptops.io/watch" in message


def test_a_config_map_that_vanishes_takes_nothing_with_it_and_may_return(world: World) -> None:
    world.apply(prompt("style", source=reading("texts")), config_map("texts", "one"))
    world.until_serves("style", "1.0.0")
    world.delete(config_map("texts", ""))
    world.until_ready("style", "False", "ConfigMapNotFound")
    while_away = world.serves("style")
    world.apply(config_map("texts", "two"))

    world.until_serves("style", "1.0.1")

    assert while_away == "1.0.0"


def test_a_config_map_edited_twice_at_once_the_second_time_wrongly(world: World) -> None:
    world.apply(prompt("style", source=reading("texts")), config_map("texts", "one"))
    world.until_serves("style", "1.0.0")
    world.edit_at_once(CONFIG_MAPS, "texts", *({"data": {"text": text}} for text in ("two", "{{ broken")))

    world.until_ready("style", "False", "SourceInvalid")

    assert world.serves("style") in ("1.0.0", "1.0.1"), "the first edit may or may not have been seen by itself"
    assert all("broken" not in each["spec"]["content"]["text"] for each in world.all("promptversions"))


def test_a_version_of_another_prompt_is_never_served(world: World) -> None:
    world.apply(prompt("other", source={"content": {"text": "x"}}))
    world.until_serves("other", "1.0.0")
    uid = world.get("prompt", "other")["metadata"]["uid"]
    foreign = version("greeting", "1.0.0", "not yours")
    foreign["metadata"]["ownerReferences"] = [owner("other", uid)]
    world.apply(foreign, prompt("greeting", activeVersion="1.0.0"))

    message = world.until_ready("greeting", "False", "VersionNotFound")

    assert f"owned by another object (uid {uid}" in message
    assert world.serves("greeting") is None
    world.until_ready("greeting-1.0.0", "False", "VersionOfOtherPrompt", "promptversion")


def test_a_prompt_recreated_under_its_name_starts_anew(world: World) -> None:
    world.apply(prompt("notes", source={"content": {"text": "old"}}))
    world.until_serves("notes", "1.0.0")
    before = world.status("notes")["serving"]["stable"]["digest"]
    world.kubectl("delete", "prompt", "notes")
    world.apply(prompt("notes", source={"content": {"text": "new"}}))
    wait_until(lambda: world.condition("notes", "Converged")[0] == "True", lambda: world.status("notes"))

    status = world.status("notes")

    assert status["serving"]["stable"]["digest"] != before
    assert [row["digest"] for row in status["history"]] == [status["serving"]["stable"]["digest"]]


def test_the_younger_of_two_prompts_with_one_id_is_told(world: World) -> None:
    world.apply(prompt("first", promptId="team/x", source={"content": {"text": "1"}}))
    world.until_serves("first", "1.0.0")
    wait_until(lambda: _second_has_passed(world, "first"), lambda: "the clock stands still")
    world.apply(prompt("second", promptId="team/x", source={"content": {"text": "2"}}))
    world.until_ready("second", "False", "IdConflict")
    world.kubectl("delete", "prompt", "first")

    world.until_ready("second", "True", "Active")


def test_no_object_of_a_user_carries_anything_of_ours(world: World) -> None:
    world.apply(
        prompt("style", source=reading("texts")),
        config_map("texts", "one"),
        prompt("greeting", activeVersion="1.0.0"),
        version("greeting", "1.0.0", "A"),
    )
    world.until_serves("style", "1.0.0")
    world.until_serves("greeting", "1.0.0")

    for kind, name in (
        ("prompt", "style"),
        ("configmap", "texts"),
        ("prompt", "greeting"),
        ("promptversion", "greeting-1.0.0"),
    ):
        metadata = world.get(kind, name)["metadata"]
        assert metadata.get("annotations", {}).keys() <= {"kubectl.kubernetes.io/last-applied-configuration"}
        assert "finalizers" not in metadata
        assert "ownerReferences" not in metadata


def test_everything_is_deleted_in_one_go(world: World) -> None:
    applied = (
        prompt("style", source=reading("texts")),
        config_map("texts", "one"),
        prompt("greeting", activeVersion="1.0.0"),
        version("greeting", "1.0.0", "A"),
    )
    world.apply(*applied)
    world.until_serves("style", "1.0.0")
    world.until_serves("greeting", "1.0.0")
    world.delete(*applied)

    wait_until(lambda: not world.all("promptversions"), lambda: world.all("promptversions"))


def _second_has_passed(world: World, name: str) -> bool:
    """Age is told in whole seconds."""
    now = world.plane.kubectl("create", "namespace", "x", "--dry-run=server", "-o", "json").stdout
    created = str(world.get("prompt", name)["metadata"]["creationTimestamp"])
    return str(json.loads(now)["metadata"]["creationTimestamp"]) > created
