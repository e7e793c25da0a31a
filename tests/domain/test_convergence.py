"""Who serves a revision, counted from the instances' own reports."""

import pytest

from promptops.api.feed import Position
from promptops.domain.convergence import (
    BEFORE_EVERYTHING,
    Census,
    Crowd,
    Expected,
    Instance,
    arrives,
    census,
    is_news,
    summary,
)
from promptops.domain.snapshot import ServedObservation
from promptops.domain.standing import Standing

CHANGED = Position(1, 2, 10)
NOW = 1000.0


def instance(
    position: Position | None = CHANGED,
    seen: float = NOW,
    nacks: dict[str, tuple[str, int]] | None = None,
    goodbye: bool = False,
    pod: str | None = None,
) -> Instance:
    return Instance("i", position, seen, pod, nacks=nacks or {}, goodbye=goodbye)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param([], (0, 0), id="nobody"),
        pytest.param([instance()], (1, 1), id="at the position"),
        pytest.param([instance(Position(1, 2, 11))], (1, 1), id="beyond it"),
        pytest.param([instance(Position(1, 3, 1))], (1, 1), id="in a later term"),
        pytest.param([instance(Position(1, 2, 9))], (0, 1), id="before it"),
        pytest.param([instance(None)], (0, 0), id="holds nothing yet, and serves nothing wrong"),
        pytest.param([instance(nacks={"greeting": ("u1", 7)})], (0, 1), id="nacked"),
        pytest.param([instance(nacks={"greeting": ("u1", 6)})], (1, 1), id="nacked an earlier revision"),
        pytest.param([instance(nacks={"greeting": ("u0", 7)})], (1, 1), id="nacked an earlier object of the name"),
        pytest.param([instance(nacks={"other": ("u1", 7)})], (1, 1), id="nacked another prompt"),
        pytest.param([instance(Position(1, 2, 9), nacks={"greeting": ("u1", 7)})], (0, 1), id="nacked, and before it"),
        pytest.param([instance(seen=NOW - 299)], (1, 1), id="silent: it goes on rendering what it holds"),
        pytest.param([instance(goodbye=True)], (0, 0), id="said goodbye"),
        pytest.param([instance(), instance(Position(1, 2, 9)), instance(goodbye=True)], (1, 2), id="all kinds"),
    ],
)
def test_serving(reports: list[Instance], expected: tuple[int, int]) -> None:
    counted = Crowd.of(reports).serving("greeting", "u1", 7, CHANGED)

    assert (counted.ready, counted.total) == expected


def test_nobody_serves_what_is_not_published() -> None:
    assert Crowd.of([instance()]).serving("greeting", "u1", 7, None) == ServedObservation(0, 1)


def test_a_pod_without_its_sidecar_should_serve_and_cannot() -> None:
    crowd = Crowd.of([instance()], Expected(uninjected=2))

    assert crowd.serving("greeting", "u1", 7, BEFORE_EVERYTHING) == ServedObservation(1, 3, uninjected=2)


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param(Expected(newcomers=frozenset({"heard"})), (1, 1, 0), id="all reported"),
        pytest.param(Expected(newcomers=frozenset({"heard", "silent"})), (1, 2, 1), id="one never did, and serves nothing"),
        pytest.param(Expected(pods=frozenset({"heard", "silent"})), (2, 2, 0), id="a leader before may know it: it has what all had"),
        pytest.param(Expected(2, pods=frozenset({"silent"})), (2, 2, 0), id="which is the one that leader counted"),
        pytest.param(Expected(2, newcomers=frozenset({"silent"})), (1, 2, 1), id="as this one took its place"),
    ],
)  # fmt: skip
def test_a_pod_whose_sidecar_never_reported_should_serve(pods: Expected, expected: tuple[int, int, int]) -> None:
    crowd = Crowd.of([instance(pod="heard")], pods)

    counted = crowd.serving("greeting", "u1", 7, BEFORE_EVERYTHING)
    assert (counted.ready, counted.total, counted.unheard) == expected


@pytest.mark.parametrize(
    ("changed_at", "ready"),
    [
        pytest.param(CHANGED, 1, id="what changed since it does not serve"),
        pytest.param(BEFORE_EVERYTHING, 3, id="what nobody touched it still has"),
    ],
)
def test_who_was_known_to_the_leader_before_is_missed(changed_at: Position, ready: int) -> None:
    crowd = Crowd.of([instance()], Expected(3))

    assert crowd.serving("greeting", "u1", 7, changed_at) == ServedObservation(ready, 3)


@pytest.mark.parametrize(
    ("reports", "expected", "counted"),
    [
        pytest.param([], Expected(), Census(0, 0, 0), id="nobody"),
        pytest.param([instance(), instance(seen=NOW - 20)], Expected(), Census(2, 1, 0), id="one is lost"),
        pytest.param([instance(None)], Expected(), Census(1, 0, 0), id="one that holds nothing yet"),
        pytest.param([instance(goodbye=True)], Expected(), Census(0, 0, 0), id="one that said goodbye"),
        pytest.param([instance()], Expected(3), Census(3, 0, 2), id="two that the leader before knew"),
        pytest.param(
            [instance(pod="a"), instance(None, pod="b")],
            Expected(pods=frozenset("abc"), newcomers=frozenset("d")),
            Census(4, 0, 2),
            id="two pods that run and were not heard of",
        ),
        pytest.param(
            [instance(goodbye=True, pod="a")],
            Expected(pods=frozenset("a")),
            Census(0, 0, 0),
            id="a pod that ends: it said so, and runs a moment longer",
        ),
    ],
)
def test_census(reports: list[Instance], expected: Expected, counted: Census) -> None:
    assert census(reports, expected, NOW) == counted


@pytest.mark.parametrize(
    ("ready", "total", "said"),
    [(0, 0, "none"), (0, 3, "none"), (3, 3, "all"), (48, 50, "48/50")],
)
def test_summary(ready: int, total: int, said: str) -> None:
    assert summary(ServedObservation(ready, total)) == said


def saying(served: str, status: str, reason: str = "Converged") -> Standing:
    condition = {"type": "Converged", "status": status, "reason": reason}
    return Standing.of("uid", {"served": served, "conditions": [condition]})


ALL, LAGGING, NOBODY = saying("all", "True"), saying("48/50", "False"), saying("none", "True", "NoConsumers")


@pytest.mark.parametrize(
    ("standing", "observed", "news"),
    [
        pytest.param(ALL, (2, 2), False, id="as before"),
        pytest.param(ALL, (500, 500), False, id="however many joined with it"),
        pytest.param(ALL, (0, 0), False, id="all have left"),
        pytest.param(ALL, (1, 2), True, id="one lags"),
        pytest.param(LAGGING, (48, 50), False, id="as many lag as before"),
        pytest.param(LAGGING, (49, 50), True, id="fewer lag"),
        pytest.param(LAGGING, (50, 50), True, id="none lags any more"),
        pytest.param(LAGGING, (0, 0), True, id="who lagged has left"),
        pytest.param(NOBODY, (0, 0), False, id="still nobody"),
        pytest.param(NOBODY, (1, 1), True, id="the first one"),
        pytest.param(NOBODY, (0, 1), True, id="the first one refuses it"),
    ],
)
def test_what_is_news(standing: Standing, observed: tuple[int, int], news: bool) -> None:
    assert is_news(standing, ServedObservation(*observed)) is news


@pytest.mark.parametrize(
    ("standing", "observed", "waited_for"),
    [
        pytest.param(LAGGING, (50, 50), True, id="the last one follows"),
        pytest.param(LAGGING, (49, 50), False, id="a mere count"),
        pytest.param(NOBODY, (1, 1), False, id="nobody waited for the first one"),
    ],
)
def test_what_somebody_waits_for(standing: Standing, observed: tuple[int, int], waited_for: bool) -> None:
    assert arrives(standing, ServedObservation(*observed)) is waited_for
