"""Which content answers a call."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from promptops.api.feed import Entry, VersionReference
from promptops.api.v1alpha1.schema import PROMPT_ID_PATTERN
from promptops.rendering.errors import PromptDisabled, PromptNotFound, Unavailable
from promptops.rendering.selection import is_prompt_id, select, suggestions, versions
from tests.support.growth import Work, assert_linear

ONE, TWO, THREE = (VersionReference(f"{number}.0.0", f"sha256:{number}") for number in (1, 2, 3))


@dataclass
class Held:
    entries: dict[str, Entry]
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names |= {name: name for name in self.entries}


def held(**changes: object) -> Held:
    fields = {"name": "a", "uid": "u", "revision": 1, "state": "active", "stable": ONE, "pins": (TWO, ONE)} | changes
    return Held({"a": Entry(**fields)}, {"team/a": "a"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt_id", "version", "chosen"),
    [
        pytest.param("a", None, ONE, id="the active version by name"),
        pytest.param("team/a", None, ONE, id="the active version by id"),
        pytest.param("a", "2.0.0", TWO, id="another version by number"),
        pytest.param("a", "1.0.0", ONE, id="the active version by number"),
    ],
)
def test_select(prompt_id: str, version: str | None, chosen: VersionReference) -> None:
    assert select(held(), prompt_id, version)[1] == chosen


@pytest.mark.parametrize(
    ("state", "version", "error"),
    [
        pytest.param(held(), "9.0.0", PromptNotFound, id="no such version"),
        pytest.param(held(state="disabled"), None, PromptDisabled, id="disabled"),
        pytest.param(held(state="disabled"), "2.0.0", PromptDisabled, id="disabled for every version"),
        pytest.param(held(stable=None, pins=()), None, Unavailable, id="nothing decided"),
        pytest.param(Held({}), None, PromptNotFound, id="no such prompt"),
        pytest.param(Held({}, {"a": "gone"}), None, PromptNotFound, id="a name that leads nowhere"),
    ],
)
def test_select_refuses(state: Held, version: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        select(state, "a", version)


def test_a_held_entry_goes_on_serving() -> None:
    assert select(held(state="held"), "a")[1] == ONE


def test_a_served_version_beyond_the_pins_can_be_asked_for() -> None:
    entry = held(stable=THREE).entries["a"]

    assert versions(entry) == (THREE, TWO, ONE)


def test_suggestions_are_few_and_similar() -> None:
    names = dict.fromkeys(["greeting", "greetings", "greet", "greeter", "farewell"])

    assert suggestions("greting", names)[0] == "greeting"
    assert len(suggestions("greting", names)) == 3
    assert suggestions("zzz", names) == ()
    assert suggestions("g" * 5000, names) == ()


def test_a_single_slip_is_recognised_among_thousands() -> None:
    names = dict.fromkeys([*(f"other-{number}" for number in range(20_000)), "greeting"])

    assert suggestions("greting", names) == ("greeting",)


@pytest.mark.parametrize("text", ["a", "A9", "team/a.v1", "a" * 128, "a-b_c.d/e", "a..b"])
def test_ids(text: str) -> None:
    assert is_prompt_id(text)
    assert re.fullmatch(PROMPT_ID_PATTERN, text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a/..", "a/../b", "a//b", "a/", "/a", "-a", "a" * 129, "a\n", "ä", "a b"]
)
def test_what_is_no_id(text: str) -> None:
    assert not is_prompt_id(text)


@pytest.mark.parametrize(
    "wanted",
    [pytest.param("prompt-x", id="alike"), pytest.param("ab" * 64, id="long"), pytest.param("zzz", id="other")],
)
def test_a_mistyped_id_costs_the_same_among_any_number(wanted: str) -> None:
    def suggesting(size: int) -> Work:
        names = dict.fromkeys(f"prompt-{number:0120}" for number in range(size))
        return lambda: [suggestions(wanted, names) for _ in range(5)]

    assert_linear(suggesting, 2000)
