"""Of a prompt's hundreds of versions an activation concerns two."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.controller.decide.grounds import Grounds
from promptops.controller.keys import prompt_key
from tests.controller.manifests import NAMESPACE, prompt, version

KEY = prompt_key(NAMESPACE, "greeting")
DIGEST = "sha256:" + "a" * 64


def serving(number: str, *before: str) -> dict[str, Any]:
    """The prompt, with the status that says which version is served and which were."""
    stable = {"version": number, "digest": DIGEST}
    history = [{"version": each, "digest": DIGEST} for each in (number, *before)]
    status = {"serving": {"revision": 1 + len(before), "stable": stable}, "history": history}
    return prompt("greeting", 5, status=status)


@pytest.fixture
def versions() -> list[dict[str, Any]]:
    return [version("greeting", f"1.0.{number}", 10 + number) for number in range(400)]


def changed(grounds: Grounds, of: dict[str, Any], versions: list[dict[str, Any]]) -> list[str]:
    return [each["spec"]["version"] for each in grounds.changed(KEY, of, versions)]


@pytest.fixture
def grounds(versions: list[dict[str, Any]]) -> Grounds:
    """Every version was decided on while 1.0.0 was served."""
    made = Grounds()
    below = ""
    for each in versions:
        made.decided(KEY, serving("1.0.0"), each, below)
        below = each["metadata"]["name"]
    return made


def test_what_was_decided_is_not_decided_again(grounds: Grounds, versions: list[dict[str, Any]]) -> None:
    assert changed(grounds, serving("1.0.0"), versions) == []


def test_an_activation_concerns_the_version_that_is_served_and_the_one_that_was(
    grounds: Grounds, versions: list[dict[str, Any]]
) -> None:
    assert changed(grounds, serving("1.0.7", "1.0.0"), versions) == ["1.0.0", "1.0.7"]


def test_a_version_that_changed_itself_is_concerned(grounds: Grounds, versions: list[dict[str, Any]]) -> None:
    versions[3]["metadata"]["resourceVersion"] = "99"

    assert changed(grounds, serving("1.0.0"), versions) == ["1.0.3"]


def test_another_prompt_of_the_name_concerns_all(grounds: Grounds, versions: list[dict[str, Any]]) -> None:
    another = serving("1.0.0")
    another["metadata"]["uid"] = "another"

    assert len(changed(grounds, another, versions)) == 400


def test_after_the_beginning_of_a_term_all_are_decided(grounds: Grounds, versions: list[dict[str, Any]]) -> None:
    grounds.clear()

    assert len(changed(grounds, serving("1.0.0"), versions)) == 400


def test_one_that_comes_or_goes_concerns_the_next_above_it(grounds: Grounds, versions: list[dict[str, Any]]) -> None:
    assert changed(grounds, serving("1.0.0"), versions[:9] + versions[10:]) == ["1.0.10"]
