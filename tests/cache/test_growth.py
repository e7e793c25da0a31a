"""What taking an index costs: linear for a whole one, and the same for one change however many prompts stand beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from promptops.api.feed import Entry
from promptops.cache.advance import propose_index, propose_patch, settle
from promptops.cache.messages import IndexMessage
from promptops.cache.view import View
from tests.cache.scribe import SCOPE, Scribe, entry, held_blobs

SIZE = 600
scribe = Scribe()


def calls(act: Callable[[], object]) -> int:
    """How many functions are called meanwhile: the same on a fast machine and on a busy one."""
    count = 0

    def counting(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counting)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def entries(size: int) -> list[Entry]:
    return [entry(f"prompt-{number}", f"text {number}") for number in range(size)]


def take(held: View | None, message: IndexMessage, size: int) -> View:
    blobs = held_blobs(*(f"text {number}" for number in range(size))) if held is None else {}
    return settle(held, propose_index(held, message, scribe.verifier, SCOPE), blobs, "live")


def first_index(size: int) -> Callable[[], object]:
    message = scribe.index(1, *entries(size))
    return lambda: take(None, message, size)


def whole_index_again(size: int) -> Callable[[], object]:
    held = take(None, scribe.index(1, *entries(size)), size)
    message = scribe.index(2, *entries(size))
    return lambda: take(held, message, size)


def reconnect(size: int) -> Callable[[], object]:
    message = scribe.index(1, *entries(size))
    held = take(None, message, size)
    return lambda: take(held, IndexMessage(message.signed), size)


def activation(size: int) -> Callable[[], object]:
    before = entries(size)
    held = take(None, scribe.index(1, *before), size)
    changed = entry("prompt-0", "text 1", revision=2)
    message = scribe.patch(2, [changed, *before[1:]], upserts=[changed])
    return lambda: settle(held, propose_patch(held, message, scribe.verifier, SCOPE), {}, "live")


@pytest.mark.parametrize("work", [first_index, whole_index_again], ids=lambda work: str(work.__name__))
def test_twice_the_prompts_are_at_most_two_and_a_half_times_the_work(
    work: Callable[[int], Callable[[], object]],
) -> None:
    once, twice = calls(work(SIZE)), calls(work(2 * SIZE))

    assert twice <= 2.5 * once


@pytest.mark.parametrize("work", [reconnect, activation], ids=lambda work: str(work.__name__))
def test_what_does_not_change_costs_nothing(work: Callable[[int], Callable[[], object]]) -> None:
    once, twice = calls(work(SIZE)), calls(work(2 * SIZE))

    assert twice <= 1.1 * once
    assert twice < SIZE
