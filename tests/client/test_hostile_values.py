"""Values as programs have them: sent as what they are, or refused by an error of the family; nothing hangs, nothing is turned
into something else without a word."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from promptops.client.errors import PromptOpsError
from tests.client.conftest import Ask


class Colour(enum.Enum):
    RED = "red"


class Word(str):
    """A string that says it is another one."""

    def __str__(self) -> str:
        return "otherwise"


@dataclass
class Pair:
    left: int
    right: int


def nested(depth: int, value: Any = None) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


PLAIN: Final[dict[str, Any]] = {
    **{repr(each): each for each in (None, True, False, 0, 1, -1, 2**53 - 1, -(2**53) + 1, 0.5, -1.25, 1e300)},
    **{repr(each): each for each in ("", "x", "{{ v }}", "\U0001f600", "é", "</data>", "$HOME", "a\nb", "\ta")},
    "no items": [],
    "items": [None, True, [1]],
    "no fields": {},
    **{f"the key {key!r}": {key: {"b": 1}} for key in ("", "self", "__class__", "null", "1")},
    "nested ten times": nested(10, 1),
    "a thousand items": list(range(1000)),
}
"""Rendered as JSON writes them."""

ODD: Final[dict[str, Any]] = {
    **{f"number {each}": each for each in (float("nan"), float("inf"), -float("inf"), 1 + 2j)},
    **{f"integer of {each.bit_length()} bits": each for each in (2**53, -(2**53), 2**63, 2**64, -(2**64), 10**400)},
    **{
        f"string {each!a}": each
        for each in ("\ud800", "a\udfffb", "\x00", "\x1b[31m", "\x7f", "\u202e", "\ufeff", "\ue000")
    },
    **{f"key {each!a}": {each: 1} for each in (1, 1.5, None, True, (1, 2), b"k", "\ud800", float("nan"), Colour.RED)},
    "bytes": b"bytes",
    "a bytearray": bytearray(b"bytes"),
    "a set": {1, 2},
    "a range": range(3),
    "a generator": (each for each in range(3)),
    "a function": print,
    "a class": int,
    "a module": json,
    "an object": object(),
    "a path": Path("/etc/passwd"),
    "an exception": ValueError("x"),
    "a decimal": decimal.Decimal("1.10"),
    "a date": datetime.date(2026, 11, 26),
    "a moment": datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC),
    "an id": uuid.UUID(int=1),
    "a dataclass": Pair(1, 2),
    "a member of an enumeration": Colour.RED,
    "itself": circle(),
    "nested a thousand times": nested(1000),
    "nested without end": nested(100_000),
    "two keys that become one": {"1": "a", 1: "b"},
}
"""Not JSON, or nothing that everybody reads alike."""


@pytest.mark.parametrize("value", [pytest.param(each, id=name) for name, each in PLAIN.items()])
def test_plain_data_arrives_as_it_is(ask: Ask, value: Any) -> None:
    answer = ask("render_prompt", "anything", variables={"v": [value]})

    assert json.loads(answer.rendered_content) == [value]


@pytest.mark.parametrize("value", [pytest.param(each, id=name) for name, each in ODD.items()])
@pytest.mark.parametrize("within", [lambda value: value, lambda value: {"a": value}], ids=["in a list", "in an object"])
def test_what_is_no_plain_data_is_refused(ask: Ask, value: Any, within: Any) -> None:
    with pytest.raises(PromptOpsError) as caught:
        ask("render_prompt", "anything", variables={"v": [within(value)]})

    assert caught.value.error_code in ("InvalidRequest", "InvalidVariables", "Validation", "ValidationError")
    assert str(caught.value)
    assert ask("render_prompt", "greeting", variables={"name": "next"}).rendered_content == "Hello next"


def test_a_string_is_sent_as_its_characters(ask: Ask) -> None:
    answer = ask("render_prompt", "greeting", variables={"name": Word("Ada")})

    assert answer.rendered_content == "Hello Ada"
