"""Who serves a revision, counted from the instances' own reports."""

import pytest

from promptops.api.feed import Position
from promptops.domain.convergence import Instance, believable, served
from promptops.domain.snapshot import ServedObservation

CHANGED = Position(1, 2, 10)
NOW = 1000.0


def instance(
    position: Position | None = CHANGED,
    seen: float = NOW,
    nacks: dict[str, tuple[str, int]] | None = None,
    goodbye: bool = False,
) -> Instance:
    return Instance("i", position, seen, nacks=nacks or {}, goodbye=goodbye)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param([], (0, 0, 0), id="nobody"),
        pytest.param([instance()], (1, 1, 0), id="at the position"),
        pytest.param([instance(Position(1, 2, 11))], (1, 1, 0), id="beyond it"),
        pytest.param([instance(Position(1, 3, 1))], (1, 1, 0), id="in a later term"),
        pytest.param([instance(Position(1, 2, 9))], (0, 1, 0), id="before it"),
        pytest.param([instance(None)], (0, 1, 0), id="holds nothing yet"),
        pytest.param([instance(nacks={"greeting": ("u1", 7)})], (0, 1, 0), id="nacked"),
        pytest.param([instance(nacks={"greeting": ("u1", 6)})], (1, 1, 0), id="nacked an earlier revision"),
        pytest.param([instance(nacks={"greeting": ("u0", 7)})], (1, 1, 0), id="nacked an earlier object of the name"),
        pytest.param([instance(nacks={"other": ("u1", 7)})], (1, 1, 0), id="nacked another prompt"),
        pytest.param([instance(seen=NOW - 19.9)], (1, 1, 0), id="silent for less than 20 s"),
        pytest.param([instance(seen=NOW - 20)], (0, 1, 1), id="lost"),
        pytest.param([instance(seen=NOW - 299)], (0, 1, 1), id="lost and still counted"),
        pytest.param([instance(seen=NOW - 300)], (0, 0, 0), id="forgotten after five minutes"),
        pytest.param([instance(goodbye=True)], (0, 0, 0), id="said goodbye"),
        pytest.param(
            [instance(), instance(Position(1, 2, 9)), instance(seen=0, goodbye=True), instance(seen=NOW - 30)],
            (1, 3, 1),
            id="all kinds",
        ),
    ],
)
def test_served(reports: list[Instance], expected: tuple[int, int, int]) -> None:
    counted = served("greeting", "u1", 7, CHANGED, reports, NOW)

    assert (counted.ready, counted.total, counted.lost) == expected


def test_nobody_serves_what_is_not_published() -> None:
    assert served("greeting", "u1", 7, None, [instance()], NOW) == ServedObservation(0, 1, 0)


@pytest.mark.parametrize(
    ("observed", "told", "age", "believed"),
    [
        pytest.param(ServedObservation(0, 0, 0), 0, 5.0, False, id="nobody yet, and the leader is new"),
        pytest.param(ServedObservation(0, 0, 0), 0, 30.0, True, id="nobody, and the leader has waited"),
        pytest.param(ServedObservation(3, 3, 0), 5, 5.0, False, id="fewer than status counts, and the leader is new"),
        pytest.param(ServedObservation(3, 3, 0), 5, 30.0, True, id="fewer than status counts, for long enough"),
        pytest.param(ServedObservation(5, 5, 0), 5, 1.0, True, id="all have come back"),
        pytest.param(ServedObservation(1, 1, 0), None, 1.0, True, id="somebody, and status counts nobody"),
    ],
)
def test_a_new_leader_waits_for_those_that_status_counts(
    observed: ServedObservation, told: int | None, age: float, believed: bool
) -> None:
    prompt = {"status": {"served": {"total": told}} if told is not None else {}}

    assert believable(observed, prompt, age) == (observed if believed else None)
