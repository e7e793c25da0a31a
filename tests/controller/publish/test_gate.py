"""A namespace is published once each prompt that was there at its beginning is decided on, and never before."""

from __future__ import annotations

import pytest

from promptops.controller.publish.gate import Gate


class Opened(Gate):
    """A gate that writes down what it let through."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        super().__init__(self.begun.append)


@pytest.fixture
def gate() -> Opened:
    return Opened()


def test_a_namespace_waits_for_each_of_its_prompts_and_for_no_other(gate: Opened) -> None:
    gate.close("team", ("a", "b"), now=0)
    gate.close("other", ("c",), now=0)
    gate.decided("team", "a")
    gate.decided("other", "c")
    before = list(gate.begun)
    gate.decided("team", "b")

    assert (before, gate.begun, len(gate)) == (["other"], ["other", "team"], 0)


def test_a_namespace_without_prompts_waits_for_nobody(gate: Opened) -> None:
    gate.close("team", (), now=0)

    assert gate.begun == ["team"]


def test_who_keeps_others_waiting_for_too_long_is_known(gate: Opened) -> None:
    gate.close("team", ("a", "b"), now=0)
    gate.close("late", ("c",), now=20)
    gate.decided("team", "b")

    assert gate.overdue(now=29, seconds=30) == ()
    assert gate.overdue(now=31, seconds=30) == (("team", "a"),)


def test_after_the_end_of_a_term_nothing_is_let_through(gate: Opened) -> None:
    gate.close("team", ("a",), now=0)
    gate.clear()
    gate.decided("team", "a")

    assert gate.begun == []
