"""What a report carries of renders: little, in turns, and nothing twice unless it got lost."""

from __future__ import annotations

import msgspec

from promptops.api.feed import MAX_REPORTED_NACKS, MAX_REPORTED_RENDERS, Nack, Position, Report, ReportBatch
from promptops.feed.serve import MAX_REPORT_BYTES
from promptops.reader.tally import Tally


def digests(tally: Tally) -> list[str]:
    return [counters.digest for counters in tally.changes()]


def test_what_was_acknowledged_is_not_sent_again() -> None:
    tally = Tally()
    tally.succeeded("a", 0.001)
    tally.failed("b")
    assert digests(tally) == ["a", "b"]

    tally.acknowledged()
    tally.succeeded("b", 0.001)

    [changed] = tally.changes()
    assert (changed.digest, changed.succeeded, changed.failed) == ("b", 1, 1)


def test_what_got_lost_is_sent_again() -> None:
    tally = Tally()
    tally.succeeded("a", 0.001)
    tally.changes()

    assert digests(tally) == ["a"]
    tally.acknowledged()
    assert digests(tally) == []
    tally.again()
    assert digests(tally) == ["a"]


def test_what_changes_on_the_way_is_sent_again() -> None:
    tally = Tally()
    tally.succeeded("a", 0.001)
    tally.changes()
    tally.succeeded("a", 0.001)

    tally.acknowledged()

    assert [counters.succeeded for counters in tally.changes()] == [2]


def test_everybody_has_a_turn_however_busy_the_others_are() -> None:
    tally, seen = Tally(), set()
    for number in range(1000):
        tally.succeeded(f"{number}", 0.001)
    for _ in range(5):
        for counters in tally.changes():
            seen.add(counters.digest)
            tally.succeeded(counters.digest, 0.001)
        tally.acknowledged()

    assert len(seen) == 5 * MAX_REPORTED_RENDERS


def test_what_is_no_longer_held_is_forgotten() -> None:
    tally = Tally()
    for digest in ("kept", "gone"):
        tally.succeeded(digest, 0.001)
    tally.changes()

    tally.forget({"kept"})
    tally.acknowledged()
    tally.again()

    assert digests(tally) == ["kept"]


def test_a_report_is_bounded_whatever_was_ever_rendered() -> None:
    tally = Tally()
    for number in range(20_000):
        for _ in range(3):
            tally.succeeded(f"sha256:{number:064x}", 0.0003)
    nacks = tuple(Nack("n" * 63, "u" * 36, 2**50, "ContentNotUnderstood") for _ in range(MAX_REPORTED_NACKS + 1))

    body = msgspec.json.encode(
        ReportBatch((Report("i" * 100, Position(1, 1, 1), nacks=nacks, renders=tally.changes()),))
    )

    assert len(body) < MAX_REPORT_BYTES / 2
