"""A follower of a hop that lies, errs or breaks: it keeps what it has, counts why, and goes on when the truth comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Blob, Entry, Hello, Position, Removal, Revocation, Revoked
from promptops.cache.advance import propose_index, settle
from promptops.cache.index import digest_of
from promptops.cache.messages import IndexMessage, PatchMessage, decode_index, decode_patch
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.feed import follow, frames, holding
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from promptops.feed.holding import Holding, Rules
from promptops.feed.reporter import Reporter
from tests.cache.scribe import SCOPE, Scribe, content, entry, held_blobs
from tests.feed.liar import HELLO, Liar, heartbeat, lying
from tests.support.hop import Following, Observed
from tests.support.waiting import until

scribe = Scribe()
HELLO_ENTRY, BYE_ENTRY = entry("greeting", "Hello"), entry("farewell", "Bye")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnects take milliseconds."""
    monkeypatch.setattr(follow, "MIN_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(follow, "MAX_BACKOFF_SECONDS", 0.05)


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with lying() as made:
        made.greeting = HELLO + index(1)
        yield made


def index(seq: int, *entries: Entry, blobs: tuple[str, ...] = ("Hello", "Bye"), **changes: object) -> bytes:
    """An index as an event; by default greeting and farewell."""
    chosen = entries or (HELLO_ENTRY, BYE_ENTRY)
    return frames.write("index", scribe.index(seq, *chosen, blobs=map(content, blobs), **changes))  # type: ignore[arg-type]


def patch(seq: int, text: str, *, blobs: bool = True, **changes: object) -> bytes:
    """A patch as an event: greeting says something else."""
    new = entry("greeting", text, revision=seq)
    made = scribe.patch(seq, [new, BYE_ENTRY], upserts=[new], blobs=[content(text)] if blobs else [], **changes)  # type: ignore[arg-type]
    return frames.write("patch", made)


@pytest.fixture
async def following(liar: Liar) -> AsyncIterator[Following]:
    """A follower that has taken the first index of the liar."""
    store, observed = Store(), Observed()
    connection = Upstream(liar.url, lambda: "token")
    reporter = Reporter(connection, store, "one", kids=lambda: scribe.verifier.kids)
    follower = Follower(connection, scribe.verifier, store, (), reporter, observer=observed)
    made = Following(follower, store, observed, asyncio.create_task(follower.run()), reporter)
    await until(lambda: made.serves("Hello"))
    yield made
    await made.stop()


async def stays(following: Following, liar: Liar, reason: str) -> None:
    """Check that a refusal was counted and nothing moved, and that the truth is taken afterwards."""
    await until(lambda: reason in following.observed.refusals)
    assert following.serves("Hello")
    assert following.serves("Bye", "farewell")
    assert following.position == Position(1, 1, 1)
    liar.greeting = HELLO + index(7, entry("greeting", "The truth"), blobs=("The truth",))
    liar.hang_up()
    await until(lambda: following.serves("The truth"))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(patch(2, "Hi", v=2), reasons.UNKNOWN_PROTOCOL, id="unknown protocol version"),
        pytest.param(patch(2, "Hi", scope="another"), reasons.WRONG_SCOPE, id="another scope's"),
        pytest.param(patch(2, "Hi", count=3), reasons.BAD_DIGEST, id="not what was signed"),
        pytest.param(patch(1, "Hi"), reasons.FORK, id="two indexes at one position"),
        pytest.param(patch(3, "Hi"), reasons.BASE_NOT_HELD, id="a step was lost"),
        pytest.param(heartbeat(2), reasons.BASE_NOT_HELD, id="a heartbeat from a position that was missed"),
        pytest.param(index(0), reasons.LOWER_POSITION, id="replayed older position"),
        pytest.param(index(1, HELLO_ENTRY), reasons.FORK, id="another index at the same position"),
        pytest.param(index(2, HELLO_ENTRY, scope="another"), reasons.WRONG_SCOPE, id="another scope's index"),
        pytest.param(
            frames.write("hello", Hello("another", "t", "n")) + index(1), reasons.WRONG_SCOPE, id="a new hello"
        ),
        pytest.param(
            frames.write("hello", Hello(SCOPE, "t", "n", (2, 3))), reasons.UNKNOWN_PROTOCOL, id="a later protocol only"
        ),
        pytest.param(
            frames.write("patch", Scribe(b"s" * 32).patch(2, [HELLO_ENTRY])), reasons.UNKNOWN_KEY, id="wrong key id"
        ),
        pytest.param(b"event: patch\ndata: {\n\n", reasons.MALFORMED, id="broken JSON"),
        pytest.param(b"event: index\ndata: \xff\xfe\n\n", reasons.MALFORMED, id="broken UTF-8"),
        pytest.param(b"event: heartbeat\ndata: []\n\n", reasons.MALFORMED, id="no heartbeat"),
        pytest.param(b"event: revoked\ndata: {}\n\n", reasons.MALFORMED, id="no revocation"),
        pytest.param(
            frames.write("revoked", Revoked(scribe.index(9, HELLO_ENTRY).signed)),
            reasons.MALFORMED,
            id="a header as a revocation",
        ),
        pytest.param(
            frames.write("revoked", Revoked(Scribe(b"s" * 32).revocation(9))),
            reasons.UNKNOWN_KEY,
            id="revoked by a stranger",
        ),
        pytest.param(
            frames.write("revoked", Revoked(Scribe(scope="another").revocation(9))),
            reasons.WRONG_SCOPE,
            id="another scope's end",
        ),
        pytest.param(frames.write("revoked", Revoked(scribe.revocation(1))), reasons.LOWER_POSITION, id="an older end"),
    ],
)
async def test_what_is_wrong_is_refused_and_counted(liar: Liar, following: Following, said: bytes, reason: str) -> None:
    liar.say(said)

    await stays(following, liar, reason)


async def test_a_forged_signature_is_refused(liar: Liar, following: Following) -> None:
    right = scribe.patch(2, [entry("greeting", "Hi"), BYE_ENTRY], upserts=[entry("greeting", "Hi")])
    forged = msgspec.structs.replace(right, signed=msgspec.structs.replace(right.signed, sig="A" * 86))

    liar.say(frames.write("patch", forged))

    await stays(following, liar, reasons.BAD_SIGNATURE)


async def test_an_event_without_end_is_refused(
    liar: Liar, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames.FrameReader.__init__, "__defaults__", (1000,))
    liar.greeting = HELLO
    liar.hang_up()
    await until(lambda: liar.streams == 1 and following.observed.connections == 2)
    liar.say(b"event: patch\ndata: " + b"x" * 2000)
    await until(lambda: reasons.MALFORMED in following.observed.refusals)

    assert following.serves("Hello")


async def test_nothing_counts_before_hello(liar: Liar, following: Following) -> None:
    liar.greeting = index(2, entry("greeting", "Hi"), blobs=("Hi",))
    liar.hang_up()

    await until(lambda: reasons.MALFORMED in following.observed.refusals)
    assert following.serves("Hello")


async def test_unknown_events_mean_nothing(liar: Liar, following: Following) -> None:
    liar.say(b"event: trust\ndata: {}\n\n", b"event: behind\ndata: {}\n\n", b": ping\n\n", patch(2, "Hi"))

    await until(lambda: following.serves("Hi"))
    assert following.observed.refusals == []


async def test_a_refusal_is_reported(liar: Liar, following: Following) -> None:
    liar.greeting = HELLO + frames.write("index", Scribe(b"s" * 32).index(9, HELLO_ENTRY))
    liar.hang_up()

    await until(
        lambda: any(
            nack["reason"] == reasons.UNKNOWN_KEY for report in liar.reports for nack in report.get("nacks", ())
        )
    )
    assert liar.reports[-1]["kids"] == list(scribe.verifier.kids)
    assert liar.reports[-1]["position"] == {"epoch": 1, "term": 1, "seq": 1}


async def test_a_follower_ahead_of_its_hop_stays_and_waits_for_the_epoch(liar: Liar, following: Following) -> None:
    liar.greeting = HELLO + index(0)
    liar.hang_up()
    await until(lambda: reasons.LOWER_POSITION in following.observed.refusals)
    connections = following.observed.connections
    confirmed = following.store.confirmed_at
    liar.say(heartbeat(0), patch(1, "lower") + heartbeat(0))
    await until(lambda: len(following.observed.refusals) >= 2)

    assert following.serves("Hello")
    assert following.follower.connected
    assert following.observed.connections == connections
    assert following.store.confirmed_at == confirmed


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
async def test_no_status_takes_anything_away(liar: Liar, following: Following, status: int) -> None:
    liar.status = status
    liar.hang_up()
    await until(lambda: len(following.observed.disconnections) >= 3)

    assert following.serves("Hello")
    assert not following.follower.connected
    assert str(status) in (following.follower.problem or "")
    liar.status = 200
    liar.greeting = HELLO + index(7, entry("greeting", "Hi"), blobs=("Hi",))
    await until(lambda: following.serves("Hi"))
    assert following.follower.problem is None


async def test_only_the_signed_end_of_the_scope_empties_it(liar: Liar, following: Following) -> None:
    liar.say(frames.write("revoked", Revoked(scribe.revocation(9))))
    await until(lambda: following.store.current is None)
    liar.greeting = HELLO + index(9)
    liar.hang_up()
    await until(lambda: reasons.LOWER_POSITION in following.observed.refusals)

    assert following.store.current is None
    liar.greeting = HELLO + index(10)
    liar.hang_up()
    await until(lambda: following.serves("Hello"))


async def test_removes_and_a_newer_whole_index_delete(liar: Liar, following: Following) -> None:
    liar.say(frames.write("patch", scribe.patch(2, [HELLO_ENTRY], removes=[Removal("farewell", "uid-farewell")])))
    await until(lambda: following.text("farewell") is None)
    liar.say(index(3, entry("other", "Other"), blobs=("Other",)))
    await until(lambda: following.text("greeting") is None)

    assert following.serves("Other", "other")


async def test_missing_blobs_are_fetched_in_a_batch(liar: Liar, following: Following) -> None:
    texts = [f"text {number}" for number in range(450)]
    liar.blobs = {content(text).digest: content(text).content for text in texts}
    entries = [entry(f"p{number}", text) for number, text in enumerate(texts)]

    liar.say(index(2, *entries, blobs=()))

    await until(lambda: following.serves("text 449", "p449"))
    assert [len(asked) for asked in liar.asked] == [200, 200, 50]
    assert following.store.current is not None
    assert following.store.current.nacks == {}


async def test_a_missing_blob_holds_up_its_own_prompt_only(liar: Liar, following: Following) -> None:
    new = [entry("greeting", "Hi", revision=2), entry("farewell", "Cheerio", revision=2)]
    liar.blobs = {content("Cheerio").digest: content("Cheerio").content}

    liar.say(frames.write("patch", scribe.patch(2, new, upserts=new)))

    await until(lambda: following.serves("Cheerio", "farewell"))
    assert following.serves("Hello")
    await until(lambda: liar.reports[-1].get("nacks"))
    assert liar.reports[-1]["nacks"] == [
        {"name": "greeting", "uid": "uid-greeting", "revision": 2, "reason": reasons.BLOB_MISSING}
    ]
    assert liar.reports[-1]["position"]["seq"] == 2

    liar.blobs[content("Hi").digest] = content("Hi").content
    liar.say(heartbeat(2))
    await until(lambda: following.serves("Hi"))
    await until(lambda: "nacks" not in liar.reports[-1])


async def test_a_blob_that_is_not_what_it_says_is_never_served(liar: Liar, following: Following) -> None:
    new = entry("greeting", "Hi", revision=2)
    liar.blobs = {content("Hi").digest: content("Evil").content}
    inline = Blob(content("Hi").digest, content("Evil").content)

    liar.say(frames.write("patch", scribe.patch(2, [new, BYE_ENTRY], upserts=[new], blobs=[inline])))

    await until(lambda: following.position == Position(1, 1, 2))
    assert following.serves("Hello")
    assert following.observed.refusals.count(reasons.BAD_DIGEST) == 2
    assert [nack.reason for nack in following.store.current.nacks.values()] == [reasons.BAD_DIGEST]  # type: ignore[union-attr]


async def test_a_bad_inline_blob_is_fetched_instead(liar: Liar, following: Following) -> None:
    new = entry("greeting", "Hi", revision=2)
    liar.blobs = {content("Hi").digest: content("Hi").content}
    inline = Blob(content("Hi").digest, content("Evil").content)

    liar.say(frames.write("patch", scribe.patch(2, [new, BYE_ENTRY], upserts=[new], blobs=[inline])))

    await until(lambda: following.serves("Hi"))
    assert following.observed.refusals == [reasons.BAD_DIGEST]


async def test_blobs_that_do_not_come_delay_the_other_prompts_for_a_bounded_time(
    liar: Liar, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "FETCH_SECONDS", 0.1)
    liar.stalled.clear()
    new = [entry("greeting", "Hi", revision=2), entry("farewell", "Cheerio", revision=2)]

    liar.say(frames.write("patch", scribe.patch(2, new, upserts=new, blobs=[content("Cheerio")])))

    await until(lambda: following.serves("Cheerio", "farewell"))
    assert following.serves("Hello")


async def test_silence_makes_it_stale_and_connects_anew(
    liar: Liar, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "STALE_SECONDS", 0.3)
    liar.hang_up()
    await until(lambda: following.observed.connections >= 2)

    await until(lambda: reasons.HEARTBEAT_MISSED in following.observed.disconnections)
    await until(lambda: following.observed.connections >= 3)
    assert following.serves("Hello")


async def test_bytes_that_are_no_events_do_not_pass_for_life(
    liar: Liar, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "STALE_SECONDS", 0.3)
    liar.hang_up()
    await until(lambda: following.observed.connections >= 2)
    while reasons.HEARTBEAT_MISSED not in following.observed.disconnections:
        liar.say(b": still here\n\n")
        await asyncio.sleep(0.01)

    assert following.serves("Hello")


async def test_the_token_is_read_for_every_connection(liar: Liar) -> None:
    tokens = iter(f"token-{number}" for number in range(100))
    store, observed = Store(), Observed()
    follower = Follower(Upstream(liar.url, lambda: next(tokens)), scribe.verifier, store, observer=observed)
    running = asyncio.create_task(follower.run())
    await until(lambda: observed.connections == 1)
    liar.hang_up()
    await until(lambda: observed.connections == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert liar.tokens[:2] == ["Bearer token-0", "Bearer token-1"]


async def test_a_token_that_cannot_be_read_is_a_reason_not_a_crash(liar: Liar, tmp_path: object) -> None:
    readings: list[Callable[[], str]] = [
        lambda: open("/nonexistent/token").read(),  # noqa: SIM115
        lambda: "",
        lambda: "two\nlines",
        lambda: "token",
    ]
    store, observed = Store(), Observed()
    follower = Follower(
        Upstream(liar.url, lambda: (readings.pop(0) if len(readings) > 1 else readings[0])()),
        scribe.verifier,
        store,
        observer=observed,
    )
    running = asyncio.create_task(follower.run())
    await until(lambda: observed.connections == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert observed.disconnections == [reasons.UNAUTHENTICATED] * 3


async def no_blobs(_digests: list[str]) -> tuple[Blob, ...]:
    return ()


def each_bit(data: bytes) -> list[bytes]:
    """The data with one bit of each byte flipped, and cut off at each byte."""
    flipped = [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(len(data))]
    return flipped + [data[:at] for at in range(len(data))]


@pytest.mark.parametrize("kind", ["index", "patch"])
async def test_a_message_damaged_at_any_byte_changes_nothing_or_is_what_was_signed(kind: str) -> None:
    new = entry("greeting", "Hi", revision=2)
    message: IndexMessage | PatchMessage = (
        scribe.index(2, new, BYE_ENTRY, blobs=[content("Hi")])
        if kind == "index"
        else scribe.patch(2, [new, BYE_ENTRY], upserts=[new], blobs=[content("Hi")])
    )
    before = settle(
        None,
        propose_index(None, scribe.index(1, HELLO_ENTRY, BYE_ENTRY), scribe.verifier, SCOPE),
        held_blobs("Hello", "Bye"),
        "live",
    )
    refused = 0

    for damaged in each_bit(msgspec.json.encode(message)):
        store, observed = Store(), Observed()
        store.swap(before)
        held = Holding(SCOPE, store, Rules(scribe.verifier, observer=observed))
        taking: Awaitable[None]
        try:
            if kind == "index":
                taking = held.take_index(decode_index(damaged), None, no_blobs)
            else:
                taking = held.take_patch(decode_patch(damaged), no_blobs)
            await taking
        except Refused:
            refused += 1
            continue
        finally:
            assert store.current is not None
            assert store.current is before or store.current.header.seq == 2
        view = store.current
        assert view is not None
        assert view.entries["greeting"] in (HELLO_ENTRY, new)
        assert view.entries["farewell"] == BYE_ENTRY
        assert all(digest_of(blob) == digest for digest, blob in view.blobs.items())
        # Only blobs travel unsigned: damage to them costs this prompt its move, and is said.
        assert view.entries["greeting"] == new or view.nacks.keys() == {"greeting"}

    assert refused > 500


async def test_a_revocation_damaged_at_any_byte_is_refused() -> None:
    revoked = msgspec.json.encode(Revoked(scribe.revocation(9)))
    accepted = []

    for damaged in each_bit(revoked):
        store = Store()
        held = Holding(SCOPE, store, Rules(scribe.verifier))
        try:
            await held.drop(msgspec.json.decode(damaged, type=Revoked).signed)
        except (Refused, msgspec.DecodeError, UnicodeDecodeError):
            continue
        accepted.append(damaged)

    assert accepted == []
    assert isinstance(scribe.verifier.verify_revocation(scribe.revocation(9)), Revocation)


async def test_lost_content_is_asked_for_less_and_less(liar: Liar, following: Following) -> None:
    new = entry("greeting", "Lost", revision=2)
    liar.say(frames.write("patch", scribe.patch(2, [new, BYE_ENTRY], upserts=[new])))
    await until(lambda: following.position == Position(1, 1, 2))
    before = len(liar.asked)

    for _ in range(60):
        confirmed = following.store.confirmed_at
        liar.say(heartbeat(2))
        await until(partial(following.was_confirmed_after, confirmed))

    assert 5 <= len(liar.asked) - before <= 9
    liar.blobs[content("Lost").digest] = content("Lost").content
    await until(lambda: following.serves("Lost"), meanwhile=lambda: liar.say(heartbeat(2)))


async def test_nothing_piles_up_over_many_connections(liar: Liar, following: Following) -> None:
    def held_by_the_process() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())

    def is_back_after(connections: int) -> bool:
        return following.observed.connections > connections and liar.streams == 1

    async def reconnect(times: int) -> None:
        for _ in range(times):
            connections = following.observed.connections
            liar.hang_up()
            await until(partial(is_back_after, connections))

    await reconnect(5)
    descriptors, tasks = held_by_the_process()
    await reconnect(40)
    await until(lambda: held_by_the_process()[0] <= descriptors + 2)

    assert held_by_the_process()[1] <= tasks + 2
