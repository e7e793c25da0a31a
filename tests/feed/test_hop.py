"""What the origin publishes is what a follower serves, over a real socket."""

from __future__ import annotations

from tests.support.hop import Hop
from tests.support.waiting import until


async def test_a_follower_serves_what_is_published(running: Hop) -> None:
    following = running.follow()

    await until(lambda: following.serves("Hello"))
    running.put(("greeting", "Good day"), revision=2)
    await until(lambda: following.serves("Good day"))

    assert following.observed.refusals == []
    assert following.store.current is not None
    assert following.store.current.source == "live"
    assert [position.seq for position in following.observed.positions] == [1, 2]
