"""What survived is served when it can be read, each scope by itself, and nothing that a hop sends ends a follower."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from promptops.api import reasons
from promptops.api.feed import EVERY_SCOPE, Heartbeat, Hello, Position, Revoked
from promptops.cache.tiers.disk import Disk, folder_of
from promptops.feed import follow, frames
from promptops.feed.authentication import Caller
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from tests.cache.scribe import SCOPE, Scribe, content, entry
from tests.feed.liar import Liar, lying
from tests.support.hop import SCOPE as TEAM_A
from tests.support.hop import Hop
from tests.support.waiting import until

DEEP = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
scribe, other = Scribe(), Scribe(scope="another")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnects take milliseconds."""
    monkeypatch.setattr(follow, "MIN_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(follow, "MAX_BACKOFF_SECONDS", 0.1)


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with lying() as made:
        yield made


async def test_the_end_of_one_namespace_is_no_floor_for_the_next(running: Hop, tmp_path: Path) -> None:
    first = running.follow(directory=tmp_path)
    await until(lambda: first.serves("Hello"))
    for number in range(3):
        running.put(("greeting", f"Hello {number}"), revision=2 + number)
        await until(partial(first.serves, f"Hello {number}"))
    running.origin.revoke(TEAM_A)
    await until(lambda: first.store.current is None)
    await first.stop()

    running.tokens["token-a"] = Caller("new-uid", "team-a", "team-a", None, "default")
    running.origin.open("new-uid", "team-a", "team-a")
    running.put(("greeting", "Hello again"), scope="new-uid")
    running.origin.begin("new-uid")
    second = running.follow(directory=tmp_path)

    await until(lambda: second.serves("Hello again"))
    assert second.observed.refusals == []


async def test_a_revoked_namespace_stays_revoked_after_a_restart(running: Hop, tmp_path: Path) -> None:
    first = running.follow(directory=tmp_path)
    await until(lambda: first.serves("Hello"))
    running.origin.revoke(TEAM_A)
    await until(lambda: first.store.current is None)
    await first.stop()
    await running.stop()

    second = running.follow(directory=tmp_path)

    await until(lambda: all(keeper.loaded.done() for keeper in second.follower.keepers))
    await until(lambda: second.observed.disconnections)
    assert second.store.current is None
    await running.start()


async def test_a_start_does_not_wait_for_a_disk_that_hangs(running: Hop, tmp_path: Path) -> None:
    os.makedirs(tmp_path / folder_of(TEAM_A))
    os.mkfifo(tmp_path / folder_of(TEAM_A) / "base")

    following = running.follow(directory=tmp_path)

    await until(lambda: following.serves("Hello"))
    assert not following.reporter.report().durable


async def test_a_disk_that_is_slow_to_read_is_served_from_when_it_is_read(running: Hop, tmp_path: Path) -> None:
    first = running.follow(directory=tmp_path)
    await until(lambda: first.serves("Hello") and first.reporter.report().durable)
    await first.stop()
    await running.stop()
    stamp = tmp_path / folder_of(TEAM_A) / "stamp"
    data = stamp.read_bytes() if stamp.exists() else b""
    stamp.unlink(missing_ok=True)
    os.mkfifo(stamp)

    second = running.follow(directory=tmp_path)
    await until(lambda: second.observed.disconnections)
    assert second.store.current is None
    await asyncio.to_thread(stamp.write_bytes, data)

    await until(lambda: second.serves("Hello"))
    assert second.store.current is not None
    assert second.store.current.source == "snapshot"
    await running.start()


@pytest.mark.parametrize("kind", ["hello", "index", "patch", "heartbeat", "revoked", "goodbye"])
async def test_nothing_that_is_sent_ends_a_follower(running: Hop, liar: Liar, kind: str) -> None:
    following = running.follow(url=liar.url)
    liar.greeting = frames.write(frames.HELLO, Hello(SCOPE, "t", "n")) + b"event: %s\ndata: %s\n\n" % (
        kind.encode(),
        DEEP,
    )

    await until(lambda: following.observed.disconnections.count(reasons.MALFORMED) >= 2)

    assert not following.task.done()


async def test_many_scopes_are_held_side_by_side_and_survive(liar: Liar, tmp_path: Path) -> None:
    both = [by.index(1, entry("greeting", text), blobs=[content(text)]) for by, text in ((scribe, "a"), (other, "b"))]
    liar.greeting = (
        frames.write(frames.HELLO, Hello(EVERY_SCOPE, "", ""))
        + b"".join(frames.write(frames.INDEX, index) for index in both)
        + b"".join(
            frames.write(frames.HEARTBEAT, Heartbeat(scope, Position(1, 1, 1), 2**50, 3000))
            for scope in (SCOPE, "another")
        )
    )

    def follower() -> Follower:
        tiers = [Disk(tmp_path, scribe.verifier)]
        return Follower(Upstream(liar.url, lambda: "token"), scribe.verifier, None, tiers)

    def texts(of: Follower) -> dict[str, list[bytes]]:
        stores = of.holdings.stores.items()
        return {scope: list(store.current.blobs.values()) for scope, store in stores if store.current is not None}

    expected = {SCOPE: [content("a").content.encode()], "another": [content("b").content.encode()]}
    first = follower()
    running = asyncio.create_task(first.run())
    await until(lambda: texts(first) == expected)
    await until(lambda: all(store.confirmed_at for store in first.holdings.stores.values()))
    liar.say(frames.write(frames.REVOKED, Revoked(other.revocation(5))))
    await until(lambda: texts(first) == {SCOPE: expected[SCOPE]})
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    first.close()

    second = follower()
    second.restore()

    assert texts(second) == {SCOPE: expected[SCOPE]}
    second.close()
