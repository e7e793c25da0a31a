"""Who is older than whom, and who follows when there is room again."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.controller.intake.relations import Relations
from promptops.controller.keys import prompt_key
from promptops.domain.snapshot import Amount
from tests.controller.manifests import NAMESPACE, config_map, prompt, version
from tests.support.growth import Work, assert_linear


def aged(name: str, second: int = 0) -> dict[str, Any]:
    """A Prompt that was created in this second."""
    return prompt(name, 1, creationTimestamp=f"2026-01-01T00:00:{second:02}Z")


@pytest.fixture
def relations() -> Relations:
    """Four prompts, of which the last two were created in one second."""
    made = Relations()
    for each in (aged("c", 1), aged("b", 0), aged("e", 2), aged("d", 2)):
        made.moved("Prompt", None, each)
    return made


def test_of_two_that_were_created_in_one_second_the_first_by_name_is_the_older(relations: Relations) -> None:
    ranks = {
        each["metadata"]["name"]: relations.older_prompts(each, 9)
        for each in (aged("b"), aged("c", 1), aged("d", 2), aged("e", 2))
    }

    assert ranks == {"b": 0, "c": 1, "d": 2, "e": 3}


@pytest.mark.parametrize(
    ("gone", "follows"),
    [
        pytest.param(aged("b", 0), "d", id="one within the limit"),
        pytest.param(aged("c", 1), "d", id="the last within the limit"),
        pytest.param(aged("e", 2), None, id="one beyond the limit"),
    ],
)
def test_there_is_room_for_one_more_when_one_goes(
    relations: Relations, gone: dict[str, Any], follows: str | None
) -> None:
    relations.older_prompts(aged("d", 2), 2)

    anew = relations.moved("Prompt", gone, None) - {prompt_key(NAMESPACE, gone["metadata"]["name"])}

    assert anew == ({prompt_key(NAMESPACE, follows)} if follows else set())


def test_nobody_is_decided_anew_where_there_is_no_limit(relations: Relations) -> None:
    assert relations.moved("Prompt", aged("b", 0), None) == {prompt_key(NAMESPACE, "b")}


@pytest.fixture
def counted() -> Relations:
    """Two prompts, one of them with two versions, and a version of no prompt that is there."""
    made = Relations()
    for each in (prompt("a", 1), prompt("b", 1)):
        made.moved("Prompt", None, each)
    for each in (version("a", "1.0.0", 1), version("a", "1.0.1", 1), version("gone", "1.0.0", 1)):
        made.moved("PromptVersion", None, each)
    return made


def test_versions_without_their_prompt_follow_from_none(counted: Relations) -> None:
    assert list(counted.orphans()) == [(NAMESPACE, "gone-1.0.0")]


OTHER = prompt("a", 1, namespace="other")


@pytest.mark.parametrize(
    ("kind", "before", "after", "amount"),
    [
        pytest.param("Prompt", None, prompt("c", 2), Amount(3, 3, 2), id="a prompt more"),
        pytest.param("Prompt", prompt("b", 1), None, Amount(1, 3, 2), id="a prompt less"),
        pytest.param("Prompt", prompt("a", 1), None, Amount(1, 3, 0), id="its versions stay until they go themselves"),
        pytest.param("PromptVersion", None, version("a", "1.0.2", 2), Amount(2, 4, 3), id="a version more"),
        pytest.param("PromptVersion", version("a", "1.0.0", 1), None, Amount(2, 2, 1), id="a version less"),
        pytest.param("PromptVersion", version("gone", "1.0.0", 1), None, Amount(2, 2, 2), id="one of no prompt less"),
        pytest.param("PromptVersion", None, version("a", "1.0.0", 2, namespace="other"), Amount(2, 3, 2), id="a version elsewhere"),
        pytest.param("Prompt", None, OTHER, Amount(2, 3, 2), id="a prompt elsewhere"),
    ],
)  # fmt: skip
def test_how_much_there_is_follows_what_comes_and_goes(
    counted: Relations, kind: str, before: Any, after: Any, amount: Amount
) -> None:
    assert counted.amounts() == {NAMESPACE: Amount(2, 3, 2)}
    counted.moved(kind, before, after)

    assert counted.amounts()[NAMESPACE] == amount


@pytest.mark.parametrize(
    ("kind", "before", "after", "times"),
    [
        pytest.param("Prompt", None, prompt("c", 2), 1, id="a prompt that comes"),
        pytest.param("PromptVersion", version("a", "1.0.0", 1), None, 1, id="a version that goes"),
        pytest.param("Prompt", prompt("a", 1), prompt("a", 2, status={"served": "3/4"}), 0, id="who serves a prompt"),
        pytest.param("Prompt", prompt("a", 1), prompt("a", 2, {"activeVersion": "1.0.1"}), 0, id="an activation"),
        pytest.param("ConfigMap", None, config_map("settings", 1, {"a": "b"}), 0, id="a ConfigMap that comes"),
    ],
)
def test_nothing_is_counted_anew_while_nothing_comes_or_goes(
    counted: Relations, kind: str, before: Any, after: Any, times: int
) -> None:
    told: list[None] = []
    counted.came_or_went = lambda: told.append(None)
    counted.moved(kind, before, after)

    assert len(told) == times


def test_a_namespace_of_which_everything_went_is_forgotten(counted: Relations) -> None:
    counted.moved("Prompt", None, OTHER)
    counted.amounts()
    counted.moved("Prompt", OTHER, None)

    assert set(counted.amounts()) == {NAMESPACE}


def test_what_arrives_is_not_counted_anew_for_each_that_arrives() -> None:
    def arriving(size: int) -> Work:
        prompts = [prompt(f"p{number}", 1) for number in range(size)]
        versions = [version(f"p{number}", "1.0.0", 1) for number in range(size)]

        def work() -> None:
            made = Relations()
            for each in prompts:
                made.moved("Prompt", None, each)
            for each in versions:
                made.moved("PromptVersion", None, each)
            assert made.amounts() == {NAMESPACE: Amount(size, size, 1)}

        return work

    assert_linear(arriving, 500)
