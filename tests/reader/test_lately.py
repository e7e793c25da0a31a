"""What is kept of what was used lately: checked against a list, which says the same more slowly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.reader.lately import Lately

MOST, TTL = 3, 10
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("get", "put")), st.sampled_from("abcde")),
        st.tuples(st.just("wait"), st.integers(1, 12)),
        st.tuples(st.just("keep"), st.sets(st.sampled_from("abcde"))),
    ),
    max_size=60,
)


class Model:
    """The same as a list of key, value and when it was used, the newest last."""

    def __init__(self) -> None:
        self.held: list[tuple[str, int, int]] = []
        self.evictions = self.expirations = 0

    def step(self, what: str, of: Any, now: int) -> int | None:
        young = [each for each in self.held if now - each[2] < TTL]
        found = next((each[1] for each in young if each[0] == of), None) if what == "get" else None
        if what == "get":
            self.expirations += len(self.held) - len(young)
            self.held = young
        if what == "keep":
            self.held = [each for each in self.held if each[0] in of]
        if what == "put" or found is not None:
            value = now if what == "put" else found
            self.held = [*(each for each in self.held if each[0] != of), (of, value or 0, now)]
            self.evictions += len(self.held) > MOST
            self.held = self.held[-MOST:]
        return found


@given(STEPS)
def test_it_holds_what_a_list_would(steps: list[tuple[str, Any]]) -> None:
    now = [1]
    lately, model = Lately[int](lambda: now[0], MOST, TTL), Model()
    for what, of in steps:
        now[0] += of if what == "wait" else 0
        found = model.step(what, of, now[0])
        if what == "get":
            assert lately.get(of) == found
        elif what == "put":
            lately.put(of, now[0])
        elif what == "keep":
            lately.keep(of)

        assert (len(lately), lately.evictions, lately.expirations) == (
            len(model.held),
            model.evictions,
            model.expirations,
        )


@pytest.mark.parametrize("many", [1_000, 100_000])
def test_a_call_looks_at_no_more_than_it_drops(many: int) -> None:
    looks: list[float] = []

    def now() -> float:
        looks.append(len(looks))
        return looks[-1]

    lately = Lately[int](now, many, 1e9)
    for number in range(many):
        lately.put(str(number), number)
    before = len(looks)
    lately.get("0")
    lately.get("nobody")

    assert len(looks) - before <= 4
    assert len(lately) == many
