"""Prompts kept by git: the real controllers of Flux and Argo CD, a real repository, and the operator with a sidecar."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import yaml

from promptops.dev.stack import OPERATOR
from tests.gitops.conftest import Team
from tests.gitops.delivery import DELIVERER, account, until
from tests.gitops.flux import Flux
from tests.support.manifests import prompt, version
from tests.support.waiting import wait_until

pytestmark = pytest.mark.gitops

Timed = Callable[[str, str], AbstractContextManager[None]]
GREETING = "greeting.yaml"
LOOKS = 5


@pytest.fixture
def rested(team: Team, timed: Timed) -> Iterator[Team]:
    """The team with everything delivered as it was in the beginning."""
    if team.repository.is_new:
        with timed("five samples, until all is healthy", team.delivery.name):
            until(team.delivery, team.commit("The samples"), "Healthy")
    first = team.repository.git("rev-list", "--max-parents=0", "HEAD").strip()
    yield team
    team.repository.restore(first)
    until(team.delivery, team.commit("As in the beginning"), "Healthy")


@pytest.fixture
def may_only_edit(rested: Team) -> Iterator[None]:
    """For a while the account that delivers may write prompts, and activate none."""
    plane, namespace = rested.stack.plane, rested.world.namespace
    account(plane, namespace, "edit")
    rested.world.kubectl("delete", "rolebinding", f"{DELIVERER}-admin")
    # The API server hears of it a moment later.
    asked = (
        "auth",
        "can-i",
        "activate",
        "prompts",
        f"--as=system:serviceaccount:{namespace}:{DELIVERER}",
        "-n",
        namespace,
    )
    wait_until(lambda: plane.kubectl(*asked, check=False).stdout.strip() == "no", "it may activate no more")
    yield
    account(plane, namespace, "admin")


def activate(team: Team, number: str) -> None:
    """Edit the one line."""
    team.repository.edit(GREETING, "activeVersion: 1.0.0", f"activeVersion: {number}")


def written(team: Team) -> list[dict[str, Any]]:
    """Everything that could be written to: what is the same was not."""
    found = json.loads(
        team.world.kubectl("get", "prompts,promptversions,configmaps", "-o", "json", "--show-managed-fields")
    )
    return [each["metadata"] for each in found["items"]]


def test_a_commit_activates_and_a_revert_rolls_back(rested: Team, timed: Timed) -> None:
    activate(rested, "1.1.0")
    with timed("an activation, until it is healthy", rested.delivery.name):
        with timed("an activation, until the sidecar serves it", rested.delivery.name):
            revision = rested.commit("Another tone")
            rested.world.until_serves("greeting", "1.1.0")
        until(rested.delivery, revision, "Healthy")
    with timed("git revert, until it is healthy", rested.delivery.name):
        until(rested.delivery, rested.revert(), "Healthy")

    assert rested.world.serves("greeting") == "1.0.0"


def test_what_is_delivered_is_left_alone(rested: Team) -> None:
    rested.world.until_at_rest()
    before = written(rested)
    for _ in range(LOOKS):
        rested.delivery.look_again()

    assert written(rested) == before


def test_generated_versions_are_neither_pruned_nor_fought_over(rested: Team, timed: Timed) -> None:
    rested.repository.edit("release-notes.yaml", "in at most", "in no more than")
    with timed("a source, until its new version is healthy", rested.delivery.name):
        until(rested.delivery, rested.commit("Another wording"), "Healthy")
    for _ in range(LOOKS):
        rested.delivery.look_again()

    versions = {each["metadata"]["name"] for each in rested.world.all("promptversion")}
    assert {"release-notes-1.0.0", "release-notes-1.0.1"} <= versions
    assert rested.world.serves("release-notes") == "1.0.1"
    if isinstance(rested.delivery, Flux):
        assert not [each for each in rested.delivery.inventory if "release-notes-" in each]


def test_what_a_config_map_says_is_no_drift_and_goes_with_its_prompt(rested: Team, timed: Timed) -> None:
    into = [{"configMap": "farewell-text", "key": "text"}]
    rested.repository.write(
        "new.yaml", prompt("farewell", activeVersion="1.0.0", projections=into), version("farewell", "1.0.0", "Bye.")
    )
    with timed("a projection, until all is healthy", rested.delivery.name):
        until(rested.delivery, rested.commit("A farewell for those who read ConfigMaps"), "Healthy")
    rested.world.until_at_rest()
    said, before = rested.world.get("configmap", "farewell-text")["data"], written(rested)
    for _ in range(LOOKS):
        rested.delivery.look_again()
    after = written(rested)
    rested.repository.write("new.yaml")
    until(rested.delivery, rested.commit("No farewell"), "Healthy")
    wait_until(lambda: "farewell-text" not in rested.world.kubectl("get", "configmaps", "-o", "name"))

    assert said == {"text": "Bye."}
    assert after == before


def test_an_edited_config_map_is_served(rested: Team) -> None:
    rested.repository.edit("house-style.yaml", "no jargon", "no jargon at all")
    until(rested.delivery, rested.commit("Stricter"), "Healthy")

    rested.world.until_serves("house-style", "1.0.1")


def test_what_somebody_edits_by_hand_is_taken_back(rested: Team) -> None:
    rested.world.activate("greeting", "1.1.0")
    rested.delivery.look_again()

    rested.world.until_serves("greeting", "1.0.0")


def test_a_version_that_can_never_be_served_is_said_at_once(rested: Team, timed: Timed) -> None:
    rested.repository.write("broken.yaml", version("greeting", "1.2.0", "Hello {{ nobody }}"))
    activate(rested, "1.2.0")
    with timed("a broken version, until it is degraded", rested.delivery.name):
        state = until(rested.delivery, rested.commit("Not tried"), "Degraded")

    assert "greeting" in state.message
    assert rested.world.serves("greeting") == "1.0.0"


def test_a_prompt_may_wait_for_its_version(rested: Team) -> None:
    activate(rested, "1.2.0")
    revision = rested.commit("Too early")
    said = rested.world.until_ready("greeting", "False", "VersionNotFound")
    waiting = rested.delivery.state()
    named = [{"name": "name", "type": "string", "minLength": 1, "maxLength": 80}]
    hello = {"text": "Hello {{ name }}.", "variables": named}
    rested.repository.write("later.yaml", version("greeting", "1.2.0", hello))
    until(rested.delivery, rested.commit("There it is"), "Healthy")

    assert (waiting.revision, waiting.health) != (revision, "Healthy")
    assert "greeting-1.2.0" in said
    assert rested.world.serves("greeting") == "1.2.0"


def test_a_new_prompt_and_its_version_come_in_one_commit(rested: Team, timed: Timed) -> None:
    rested.repository.write("new.yaml", prompt("farewell", activeVersion="1.0.0"), version("farewell", "1.0.0", "Bye."))
    with timed("a new prompt, until it is healthy", rested.delivery.name):
        until(rested.delivery, rested.commit("A farewell"), "Healthy")

    assert rested.world.serves("farewell") == "1.0.0"


def test_a_removed_prompt_goes_with_its_versions(rested: Team, timed: Timed) -> None:
    for name in (GREETING, "release-notes.yaml"):
        rested.repository.write(name)
    with timed("two prompts removed, until they are gone", rested.delivery.name):
        until(rested.delivery, rested.commit("Not needed"), "Healthy")
        wait_until(
            lambda: not _of(rested, "greeting", "release-notes"), lambda: _of(rested, "greeting", "release-notes")
        )

    assert rested.world.serves("summarise")


def without_what_is_served(team: Team) -> None:
    """Take the version out that is active."""
    path = team.repository.folder / GREETING
    kept = [each for each in yaml.safe_load_all(path.read_text()) if each["metadata"]["name"] != "greeting-1.0.0"]
    team.repository.write(GREETING, *kept)


def test_whoever_may_not_activate_prunes_no_version_in_use(rested: Team, may_only_edit: None) -> None:
    without_what_is_served(rested)

    state = until(rested.delivery, rested.commit("Tidied up"), "Degraded")

    assert "greeting-1.0.0" in state.message
    assert "withdraws what is served" in state.message
    assert rested.world.serves("greeting") == "1.0.0"
    assert "greeting-1.0.0" in _of(rested, "greeting")


def test_whoever_may_is_told_what_that_did(rested: Team) -> None:
    without_what_is_served(rested)
    revision = rested.commit("Tidied up")
    said = rested.world.until_ready("greeting", "False", "VersionNotFound")
    rested.delivery.look_again()

    until(rested.delivery, revision, "Degraded")
    assert "whoever holds version 1.0.0 goes on serving it" in said


def test_nobody_says_healthy_while_the_operator_is_away(rested: Team, timed: Timed) -> None:
    activate(rested, "1.1.0")
    rested.stack.plane.stop(OPERATOR)
    try:
        revision = rested.commit("Into the void")
        wait_until(lambda: rested.world.get("prompt", "greeting")["spec"]["activeVersion"] == "1.1.0")
        said = {rested.delivery.state() for _ in range(30)}
    finally:
        rested.stack.plane.start(OPERATOR)
    with timed("an operator that was away, from its start until it is healthy", rested.delivery.name):
        until(rested.delivery, revision, "Healthy")

    assert not [each for each in said if (each.revision, each.health) == (revision, "Healthy")]
    assert rested.world.serves("greeting") == "1.1.0"


def _of(team: Team, *prompts: str) -> list[str]:
    names = [each["metadata"]["name"] for kind in ("prompt", "promptversion") for each in team.world.all(kind)]
    return [name for name in names if name.startswith(prompts)]
