"""Who looks after a certificate: soon again while that fails, then seldom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from promptops.cluster.errors import ClusterError, Conflict, Forbidden
from promptops.controller.publish.certificates import LOOK_SECONDS, Caretaker

RIGHTS = Forbidden("not yours", 403)


@pytest.mark.parametrize(
    ("outcomes", "pauses"),
    [
        pytest.param((None, None), [LOOK_SECONDS] * 2, id="all is well"),
        pytest.param((RIGHTS, RIGHTS, None), [1, 2, LOOK_SECONDS], id="a right that comes a little later"),
        pytest.param((RIGHTS,) * 9, [1, 2, 4, 8, 16, 32, 60, 60, 60], id="a right that was taken"),
        pytest.param((RIGHTS, RIGHTS, None, RIGHTS), [1, 2, LOOK_SECONDS, 1], id="another failure later"),
    ],
)
async def test_what_fails_is_tried_again_ever_more_seldom(
    outcomes: tuple[ClusterError | None, ...], pauses: list[float]
) -> None:
    coming: Iterator[ClusterError | None] = iter(outcomes)

    async def look() -> None:
        if (error := next(coming)) is not None:
            raise error

    caretaker = Caretaker(look, "a certificate", "nobody has looked yet")

    assert [await caretaker.again_in() for _ in outcomes] == pauses
    assert (caretaker.problem is None) is (outcomes[-1] is None)


async def test_who_wrote_at_the_same_time_is_no_problem() -> None:
    async def look() -> None:
        raise Conflict("changed", 409)

    caretaker = Caretaker(look, "a certificate", "nobody has looked yet")
    await caretaker.again_in()

    assert caretaker.problem == "nobody has looked yet"
