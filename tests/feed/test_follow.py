"""A follower through everything that a network, a disk and restarts do to it, against the real server."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Position, Trust, VersionReference
from promptops.cache.index import digest_of
from promptops.cache.signing import KeyVerifier, Signer
from promptops.cache.store import Step
from promptops.cache.tiers import keeper
from promptops.cache.tiers.disk import Disk
from promptops.cache.view import View
from promptops.feed import follow
from promptops.feed.authentication import AuthenticationUnavailable, NotEntitled, Unauthenticated
from tests.cache.scribe import SCOPE, Scribe, content, entry
from tests.support.fault_proxy import FaultProxy
from tests.support.hop import OTHER_SCOPE, Following, Hop, hop
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnects take milliseconds."""
    monkeypatch.setattr(follow, "MIN_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(follow, "MAX_BACKOFF_SECONDS", 0.1)


@pytest.fixture
async def proxy(running: Hop) -> AsyncIterator[FaultProxy]:
    async with FaultProxy("127.0.0.1", running.port) as made:
        yield made


def mentioned(text: str, directory: Path) -> list[Path]:
    """The files in which the text stands; the folder itself while files go away under the look."""
    try:
        return [path for path in directory.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    except FileNotFoundError:
        return [directory]


async def test_everything_a_scope_does_arrives(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))

    running.put(("farewell", "Bye"))
    await until(lambda: following.serves("Bye", "farewell"))
    running.put(("greeting", "Hi"), revision=2)
    await until(lambda: following.serves("Hi"))
    running.origin.remove(SCOPE, "farewell", "uid-farewell")
    await until(lambda: following.text("farewell") is None)
    running.put(("greeting", "Hello"), revision=3)
    await until(lambda: following.serves("Hello"))

    assert following.observed.positions == sorted(following.observed.positions)
    assert following.observed.refusals == []
    assert following.observed.connections == 1


async def test_an_empty_scope_satisfies_a_follower(running: Hop) -> None:
    following = running.follow("token-b")

    await until(lambda: following.position == Position(1, 1, 1))
    assert following.store.current is not None
    assert following.store.current.entries == {}


async def test_a_scope_never_sees_another(running: Hop) -> None:
    first, second = running.follow("token-a"), running.follow("token-b", instance="two")
    running.put(("greeting", "of team b"), scope=OTHER_SCOPE)
    await until(lambda: second.serves("of team b") and first.serves("Hello"))

    for following, own in ((first, "Hello"), (second, "of team b")):
        assert following.store.current is not None
        assert set(following.store.current.blobs) == {content(own).digest}


async def test_large_content_is_fetched_and_moves(running: Hop) -> None:
    following = running.follow()
    text = "x" * 100_000
    await until(lambda: following.serves("Hello"))

    running.put(("greeting", text), ("farewell", text + "y"), ("small", "s"))

    await until(lambda: following.serves(text) and following.serves(text + "y", "farewell"))
    assert following.observed.refusals == []


async def test_two_hundred_changes_in_a_row_end_where_the_origin_is(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))

    for number in range(200):
        running.put(("greeting", f"text {number}"), revision=number)
        if number % 7 == 0:
            await asyncio.sleep(0.006)

    await until(lambda: following.serves("text 199"))
    assert following.position == running.origin.position(SCOPE)
    assert following.observed.refusals == []


async def test_a_heartbeat_confirms(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.store.confirmed_at is not None)
    before = following.store.confirmed_at

    running.confirm()

    await until(lambda: following.store.confirmed_at != before)
    assert not following.store.stale(time.clock_gettime(time.CLOCK_BOOTTIME))


async def test_a_cut_connection_comes_back_with_what_was_missed(running: Hop, proxy: FaultProxy) -> None:
    following = running.follow(url=proxy.url)
    await until(lambda: following.serves("Hello"))
    proxy.refuse = True
    await proxy.cut()
    running.put(("greeting", "Hi"), revision=2)
    await until(lambda: len(following.observed.disconnections) >= 3)
    assert following.serves("Hello")
    assert not following.follower.connected

    proxy.heal()

    await until(lambda: following.serves("Hi"))
    assert following.follower.connected


async def test_a_reconnect_without_news_transfers_the_header_alone(running: Hop, proxy: FaultProxy) -> None:
    running.put(*((f"p{number}", f"text {number}" + "x" * 500) for number in range(100)))
    following = running.follow(url=proxy.url)
    await until(lambda: following.text("p99") is not None)
    before, whole = proxy.down.passed, proxy.down.passed

    await proxy.cut()
    await until(lambda: following.observed.connections == 2 and following.follower.connected)
    running.confirm()
    await until(lambda: proxy.down.passed > before + 300)

    assert proxy.down.passed - before < whole / 10
    assert following.observed.refusals == []


async def test_a_stalled_connection_is_left_and_nothing_is_lost(
    running: Hop, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "STALE_SECONDS", 0.3)
    following = running.follow(url=proxy.url)
    await until(lambda: following.serves("Hello"))

    proxy.stall()
    running.put(("greeting", "Hi"), revision=2)
    await until(lambda: reasons.HEARTBEAT_MISSED in following.observed.disconnections)
    assert following.serves("Hello")
    proxy.heal()

    await until(lambda: following.serves("Hi"))


async def test_a_half_open_connection_is_left(running: Hop, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "STALE_SECONDS", 0.3)
    following = running.follow(url=proxy.url)
    await until(lambda: following.serves("Hello"))

    proxy.down.swallow = True
    await until(lambda: reasons.HEARTBEAT_MISSED in following.observed.disconnections)
    assert following.serves("Hello")
    running.put(("greeting", "Hi"), revision=2)
    proxy.heal()

    await until(lambda: following.serves("Hi"))


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_slices_of_any_size_are_the_same_stream(running: Hop, proxy: FaultProxy, size: int) -> None:
    proxy.down.slice_bytes = size
    following = running.follow(url=proxy.url)

    await until(lambda: following.serves("Hello"))
    running.put(("greeting", "Hi"), revision=2)

    await until(lambda: following.serves("Hi"))
    assert following.observed.refusals == []


@pytest.mark.parametrize("seed", range(4))
async def test_corruption_on_the_way_is_never_served(running: Hop, proxy: FaultProxy, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311

    def corrupt(_offset: int, data: bytes) -> bytes:
        damaged = bytearray(data)
        for at in range(len(damaged)):
            if chance.random() < 0.0005:
                damaged[at] ^= 1 << chance.randrange(8)
        return bytes(damaged)

    legitimate = {content("Hello").content} | {content(f"text {number}").content for number in range(60)}
    following = running.follow(url=proxy.url)
    await until(lambda: following.serves("Hello"))
    proxy.down.mangle = corrupt
    for number in range(60):
        running.put(("greeting", f"text {number}"), revision=number)
        await asyncio.sleep(0.01)
        assert following.text() in legitimate
    proxy.heal()
    await proxy.cut()

    await until(lambda: following.serves("text 59"))
    assert following.observed.positions == sorted(following.observed.positions)


async def test_a_connection_cut_after_any_number_of_bytes_comes_back(running: Hop, proxy: FaultProxy) -> None:
    following = running.follow(url=proxy.url)
    for length in range(20, 1400, 115):
        proxy.down.cut_after = length
        await proxy.cut()
        before = len(following.observed.disconnections)
        await until(partial(following.observed.has_lost_more_than, before), meanwhile=running.confirm)
        assert following.text() in (None, content("Hello").content)
    proxy.heal()

    await until(lambda: following.serves("Hello") and following.follower.connected)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        pytest.param(Unauthenticated("expired"), reasons.UNAUTHENTICATED, id="401"),
        pytest.param(NotEntitled(reasons.TENANT_UNKNOWN, "unclaimed"), reasons.TENANT_UNKNOWN, id="403"),
        pytest.param(AuthenticationUnavailable("no API"), reasons.AUTHENTICATION_UNAVAILABLE, id="503"),
    ],
)
async def test_who_is_sent_away_keeps_what_it_has(running: Hop, refusal: Exception, reason: str) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))
    running.refusal = refusal
    running.streams.goodbye("test")

    await until(lambda: reason in following.observed.disconnections)
    assert following.serves("Hello")
    running.refusal = None
    running.put(("greeting", "Hi"), revision=2)
    await until(lambda: following.serves("Hi"))


async def test_a_restarted_server_is_found_again(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))

    await running.stop()
    assert reasons.GOODBYE in following.observed.disconnections
    running.renew(term=2)
    running.put(("greeting", "Hello"))
    running.origin.begin()
    await running.start()

    await until(lambda: following.position == Position(1, 2, 1))
    assert following.serves("Hello")
    assert following.observed.refusals == []


async def test_a_new_term_moves_every_follower(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))

    running.renew(term=2)
    running.put(("greeting", "Hi"), revision=2)
    assert following.serves("Hello")
    running.origin.begin()

    await until(lambda: following.serves("Hi"))
    assert following.position == Position(1, 2, 1)


async def test_a_term_that_was_restored_from_the_past_rises_above_its_followers(running: Hop) -> None:
    running.renew(term=9)
    running.put(("greeting", "Hello"))
    running.origin.begin()
    following = running.follow()
    await until(lambda: following.position == Position(1, 9, 1))
    await until(lambda: running.reports.instances(SCOPE))

    running.renew(term=3)
    running.put(("greeting", "Restored"))
    running.origin.begin()
    await until(lambda: running.higher)
    assert running.higher[0].position == Position(1, 9, 1)
    await until(lambda: reasons.LOWER_POSITION in following.observed.refusals)
    assert following.serves("Hello")
    # Its report says a position that was never published: it does not count as serving.
    await until(lambda: running.reports.instances(SCOPE)[0].position is None)

    running.origin.raise_epoch(2)

    await until(lambda: following.serves("Restored"))
    assert following.position == Position(2, 3, 2)
    await until(lambda: running.reports.instances(SCOPE)[0].position == Position(2, 3, 2))


async def test_a_signer_that_nobody_knows_moves_nobody(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))
    stranger = Signer(os.urandom(32))
    running.renew(term=2, signer=stranger)
    running.put(("greeting", "Evil"))
    running.origin.begin()

    await until(lambda: reasons.UNKNOWN_KEY in following.observed.refusals)
    await until(lambda: running.reports.instances(SCOPE)[0].nacks.get("") is not None)
    assert following.serves("Hello")

    knowing = running.follow(verifier=KeyVerifier(Trust((stranger.trusted, running.signer.trusted))), instance="two")
    await until(lambda: knowing.serves("Evil"))


async def test_a_revoked_namespace_leaves_nothing_in_memory_or_on_disk(running: Hop, tmp_path: Path) -> None:
    following = running.follow(directory=tmp_path)
    await until(lambda: following.serves("Hello"))

    running.origin.revoke(SCOPE)

    await until(lambda: following.store.current is None)
    await until(lambda: not mentioned("Hello", tmp_path))
    await following.stop()
    assert not mentioned("Hello", tmp_path)


async def test_a_recreated_prompt_is_another_one(running: Hop) -> None:
    following = running.follow()
    await until(lambda: following.serves("Hello"))

    running.origin.put(SCOPE, entry("greeting", "New", uid="uid-new"), [content("New")])
    running.origin.remove(SCOPE, "greeting", "uid-greeting")

    await until(lambda: following.serves("New"))
    assert following.store.current is not None
    assert following.store.current.entries["greeting"].uid == "uid-new"


# Snapshots


async def test_a_restarted_follower_serves_with_everything_else_gone(running: Hop, tmp_path: Path) -> None:
    first = running.follow(directory=tmp_path)
    await until(lambda: first.serves("Hello"))
    running.put(("greeting", "Hi"), revision=2)
    await until(lambda: first.serves("Hi"))
    confirmed = first.store.confirmed_at
    await first.stop()
    await running.stop()

    second = running.follow(directory=tmp_path)

    await until(lambda: second.serves("Hi"))
    assert second.store.current is not None
    assert second.store.current.source == "snapshot"
    assert second.store.confirmed_at == pytest.approx(confirmed, abs=0.001)
    assert second.observed.connections == 0
    await running.start()
    await until(lambda: second.store.current is not None and second.store.current.source == "live")
    assert second.serves("Hi")


async def test_a_snapshot_of_another_scope_is_served_until_the_truth_is_signed_and_never_again(
    running: Hop, tmp_path: Path
) -> None:
    first = running.follow("token-a", directory=tmp_path)
    await until(lambda: first.serves("Hello"))
    await first.stop()

    second = running.follow("token-b", directory=tmp_path, instance="two")

    await until(lambda: second.store.current is not None and second.store.current.header.scope == OTHER_SCOPE)
    assert second.store.current is not None
    assert second.store.current.entries == {}
    assert second.store.current.blobs == {}
    await second.stop()
    assert not mentioned("Hello", tmp_path)


async def test_the_first_index_pins_the_scope(running: Hop, tmp_path: Path) -> None:
    following = running.follow("token-a")
    await until(lambda: following.serves("Hello"))

    running.tokens["token-a"] = running.tokens["token-b"]
    running.streams.goodbye("test")

    await until(lambda: reasons.WRONG_SCOPE in following.observed.refusals)
    assert following.serves("Hello")


async def test_a_report_says_whether_the_position_is_on_disk(running: Hop, tmp_path: Path) -> None:
    with_disk, without = running.follow(directory=tmp_path), running.follow(instance="two")
    await until(lambda: with_disk.serves("Hello") and without.serves("Hello"))

    assert with_disk.reporter.report().durable
    assert not without.reporter.report().durable


async def test_a_disk_that_refuses_is_tried_again_at_every_heartbeat(running: Hop, tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_text("in the way")
    following = running.follow(directory=tmp_path / "snapshot")
    await until(lambda: following.serves("Hello"))
    assert not following.reporter.report().durable

    (tmp_path / "snapshot").unlink()

    await until(lambda: following.reporter.report().durable, meanwhile=running.confirm)


async def test_a_disk_that_hangs_costs_durability_and_not_freshness(
    running: Hop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SLOW_SECONDS", 0.1)
    hanging = threading.Event()
    following = running.follow(directory=tmp_path)
    await until(lambda: following.serves("Hello"))
    real = Disk.save

    def save(self: Disk, view: View, step: Step | None, confirmed_at: float) -> bool:
        hanging.wait(10)
        return real(self, view, step, confirmed_at)

    monkeypatch.setattr(Disk, "save", save)
    for number, text in enumerate(("Hi", "Hey", "Howdy")):
        running.put(("greeting", text), revision=number + 2)
        await until(partial(following.serves, text))
    assert not following.reporter.report().durable
    [kept] = following.follower.keepers
    await until(lambda: kept.problem == reasons.SNAPSHOT_SLOW)
    hanging.set()
    monkeypatch.setattr(Disk, "save", real)

    await until(lambda: following.reporter.report().durable, meanwhile=running.confirm)
    await following.stop()
    opened = Disk(tmp_path, running.verifier)
    [loaded] = opened.load()
    opened.close()
    assert loaded.view is not None
    assert loaded.view.entries["greeting"].stable == VersionReference("1.0.0", content("Howdy").digest)


# Reports


async def test_a_position_is_reported_at_once(running: Hop) -> None:
    following = running.follow()
    await until(lambda: [row.position for row in running.reports.instances(SCOPE)] == [Position(1, 1, 1)])

    running.put(("greeting", "Hi"), revision=2)

    await until(lambda: running.reports.instances(SCOPE)[0].position == Position(1, 1, 2))
    assert following.serves("Hi")


async def test_a_follower_that_ends_says_goodbye(running: Hop) -> None:
    following = running.follow()
    await until(lambda: running.reports.instances(SCOPE))

    await following.stop()

    assert [row.goodbye for row in running.reports.instances(SCOPE)] == [True]


async def test_a_follower_that_is_run_again_is_heard_at_once(running: Hop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has said goodbye when it failed: what comes after that must not be taken for what was said before."""
    following = running.follow()
    await until(lambda: following.serves("Hello") and running.reports.instances(SCOPE) != ())
    with monkeypatch.context() as patched:
        patched.setattr(following.observed, "disconnected", None)
        running.streams.goodbye("Reauthenticate")
        await asyncio.wait((following.task,))
    assert following.task.exception() is not None
    assert [row.goodbye for row in running.reports.instances(SCOPE)] == [True]

    following.task = asyncio.create_task(following.follower.run())
    running.put(("greeting", "Hi"), revision=2)

    def reported() -> list[tuple[bool, Position | None]]:
        return [(row.goodbye, row.position) for row in running.reports.instances(SCOPE)]

    await until(lambda: reported() == [(False, running.origin.position(SCOPE))])
    assert following.serves("Hi")


async def test_a_goodbye_that_nobody_hears_does_not_hold_up_the_end(running: Hop, proxy: FaultProxy) -> None:
    following = running.follow(url=proxy.url)
    await until(lambda: following.serves("Hello"))
    proxy.stall()

    async with asyncio.timeout(4):
        await following.stop()

    assert [row.goodbye for row in running.reports.instances(SCOPE)] in ([], [False])


async def test_streams_are_opened_anew_without_a_gap(tmp_path: Path) -> None:
    async with hop(stream_seconds=0.2) as running:
        following = running.follow()
        for number in range(60):
            running.put(("greeting", f"text {number}"), revision=number)
            await asyncio.sleep(0.02)
        await until(lambda: following.serves("text 59"))
        await until(lambda: following.observed.connections > 3)

        assert set(following.observed.disconnections) == {reasons.GOODBYE}
        assert following.observed.positions == sorted(following.observed.positions)
        assert following.observed.refusals == []


async def test_many_followers_of_one_change(running: Hop) -> None:
    followings = [running.follow(instance=f"sidecar-{number}") for number in range(40)]
    await until(lambda: all(following.serves("Hello") for following in followings))

    running.put(("greeting", "Hi"), revision=2)

    await until(lambda: all(following.serves("Hi") for following in followings))
    await until(lambda: [row.position for row in running.reports.instances(SCOPE)] == [Position(1, 1, 2)] * 40)


async def test_every_blob_that_is_held_is_what_its_digest_says(running: Hop) -> None:
    following: Following = running.follow()
    pins = tuple(VersionReference(f"1.0.{number}", content(f"old {number}").digest) for number in range(50))
    pinned = msgspec.structs.replace(entry("greeting", "Hello"), pins=pins)
    running.origin.put(SCOPE, pinned, [content("Hello"), *(content(f"old {number}") for number in range(50))])

    await until(lambda: following.store.current is not None and len(following.store.current.blobs) == 51)

    assert following.store.current is not None
    assert all(digest_of(blob) == digest for digest, blob in following.store.current.blobs.items())
    assert isinstance(Scribe().verifier, KeyVerifier)
