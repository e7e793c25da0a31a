"""Who is older than whom, and who follows when there is room again."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.controller.intake.relations import Relations
from promptops.controller.keys import prompt_key
from tests.controller.manifests import NAMESPACE, prompt


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
