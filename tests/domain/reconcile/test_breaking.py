"""A version that breaks callers waits until somebody accepts it; every other one, and every way back, goes on."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.content.grade import breaking, grade

NAME = {"name": "name", "type": "string"}
TEXT = "Hi {{ name }}"


def content(*variables: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A text with these variables."""
    return {"text": TEXT, "variables": list(variables), **more}


def activate(world: Any, *variables: dict[str, Any]) -> Any:
    """Serve 1.0.0, which takes a name, and ask for 2.0.0, which takes these."""
    text = "Hi " + " ".join(f"{{{{ {each['name']} }}}}" for each in variables)
    world.add("1.0.0", content=content(NAME)).add("2.0.0", content={"text": text, "variables": list(variables)})
    world.apply(activeVersion="1.0.0").settle()
    return world.apply(activeVersion="2.0.0").settle()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param([], 'variable "name" is declared no more', id="removed"),
        pytest.param([NAME, {"name": "tone", "type": "string"}], 'variable "tone" is new and required', id="new and required"),
        pytest.param([NAME | {"type": "integer"}], 'variable "name" is integer, it was string', id="retyped"),
        pytest.param([NAME | {"enum": ["a"]}], 'variable "name" takes fewer values', id="fewer values"),
        pytest.param([NAME | {"maxLength": 3}], 'variable "name" has a lower upper bound', id="a tighter bound"),
        pytest.param([NAME | {"minLength": 3}], 'variable "name" has a higher lower bound', id="a tighter lower bound"),
        pytest.param([NAME | {"format": "email"}], 'variable "name" must look like email now', id="a format"),
    ],
)  # fmt: skip
def test_what_breaks_callers_waits_and_says_what_and_how(world: Any, variables: list[Any], said: str) -> None:
    activate(world, *variables)

    assert (world.serving, world.said("Ready"), world.said("Stalled")) == ("1.0.0", "False/BreakingChange", "True/BreakingChange")  # fmt: skip
    assert world.condition("Ready")["message"] == (
        f"version 2.0.0 breaks callers of version 1.0.0: {said}: "
        "set spec.acceptBreaking to 2.0.0 once they are ready for it; version 1.0.0 is served"
    )


def test_accepted_it_serves_and_the_way_back_is_open(world: Any) -> None:
    activate(world)

    assert world.apply(acceptBreaking="2.0.0").settle().serving == "2.0.0"
    assert world.apply(activeVersion="1.0.0", acceptBreaking=None).settle().serving == "1.0.0"


def test_another_version_is_not_accepted_with_it(world: Any) -> None:
    activate(world)

    assert world.apply(acceptBreaking="1.0.0").settle().serving == "1.0.0"


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param([NAME], id="nothing changed"),
        pytest.param([NAME, {"name": "tone", "type": "string", "default": "warm"}], id="new with a default"),
        pytest.param([NAME, {"name": "tone", "type": "string", "optional": True}], id="new and optional"),
        pytest.param([NAME, {"name": "tone", "type": "string", "fromValues": True}], id="new and filled from values"),
        pytest.param([NAME | {"optional": True}], id="optional now"),
    ],
)
def test_what_takes_every_old_call_goes_on(world: Any, variables: list[Any]) -> None:
    assert activate(world, *variables).serving == "2.0.0"


def test_a_source_that_breaks_callers_becomes_a_version_and_waits(world: Any) -> None:
    world.apply(source={"content": content(NAME)}).settle()
    world.apply(source={"content": content(NAME, {"name": "tone", "type": "string"})}).settle()

    assert (world.serving, world.said("Ready")) == ("1.0.0", "False/BreakingChange")
    assert world.status["source"]["version"] == "2.0.0"
    assert world.apply(acceptBreaking="2.0.0").settle().serving == "2.0.0"


@pytest.mark.parametrize(
    "after", [[], [NAME], [NAME | {"type": "list"}], [NAME | {"enum": ["a"]}], [{"name": "b", "type": "string"}]]
)
def test_breaking_is_what_a_major_number_says(after: list[dict[str, Any]]) -> None:
    assert bool(breaking(content(NAME), content(*after))) == (grade(content(NAME), content(*after)) == "major")
