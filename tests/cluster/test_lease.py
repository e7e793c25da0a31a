"""Who may take a Lease: decided by what it says and how long it said so, by the reader's own clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from promptops.api.names import EPOCH_ANNOTATION
from promptops.cluster import lease as leases
from promptops.cluster.lease import LeaseRecord, Sighting, Timing

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def lease(holder: str, transitions: int = 3, epoch: str | None = "7", renewed: str = "a") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "promptops", "namespace": "system", "resourceVersion": "5"}
    if epoch is not None:
        metadata["annotations"] = {EPOCH_ANNOTATION: epoch, "other": "kept"}
    spec = {
        "holderIdentity": holder,
        "leaseTransitions": transitions,
        "leaseDurationSeconds": 15,
        "renewTime": renewed,
    }
    return {"metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("holder", "seconds", "expected"),
    [
        pytest.param("", 0.0, True, id="released"),
        pytest.param("me", 0.0, True, id="our own, from before a restart"),
        pytest.param("other", 0.0, False, id="somebody else's"),
        pytest.param("other", 14.9, False, id="somebody else's, not renewed for almost its duration"),
        pytest.param("other", 15.0, True, id="expired while we watched"),
    ],
)
def test_may_take(holder: str, seconds: float, expected: bool) -> None:
    sighting = Sighting(LeaseRecord.of(lease(holder)), since=1000.0)

    assert leases.may_take(sighting, "me", 1000.0 + seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(3.0, 2.0, id="long before the end"),
        pytest.param(13.5, 1.5, id="shortly before: at its end"),
        pytest.param(15.0, 2.0, id="somebody else was faster"),
        pytest.param(20.0, 2.0, id="long after"),
    ],
)
def test_whoever_waits_looks_again_at_the_moment_of_its_end(seconds: float, expected: float) -> None:
    sighting = Sighting(LeaseRecord.of(lease("other")), since=1000.0)

    assert leases.pause(sighting, 2.0, 1000.0 + seconds) == expected


def test_a_killed_leader_is_succeeded_within_seventeen_seconds_of_its_last_renewal_at_the_worst() -> None:
    # It renews and is killed at once; the other looks a moment before, and then as seldom as it ever does.
    looked_at, sighting = Timing.retry, None
    while sighting is None or not leases.may_take(sighting, "me", looked_at):
        sighting = leases.sighted(sighting, LeaseRecord.of(lease("other")), looked_at)
        looked_at += leases.pause(sighting, Timing.retry, looked_at)

    assert looked_at == Timing.retry + Timing.duration


def test_whoever_has_no_part_in_it_counts_every_holder() -> None:
    sighting = Sighting(LeaseRecord.of(lease("me")), since=1000.0)

    assert not leases.may_take(sighting, None, 1001.0)


def test_whoever_has_just_come_cannot_know_that_a_lease_expired() -> None:
    long_ago = LeaseRecord.of(lease("other", renewed="2001-01-01T00:00:00Z"))

    sighting = leases.sighted(None, long_ago, 1000.0)

    assert not leases.may_take(sighting, "me", 1000.0)


def test_a_renewal_starts_the_wait_anew() -> None:
    first = leases.sighted(None, LeaseRecord.of(lease("other", renewed="a")), 1000.0)
    unchanged = leases.sighted(first, LeaseRecord.of(lease("other", renewed="a")), 1010.0)
    renewed = leases.sighted(unchanged, LeaseRecord.of(lease("other", renewed="b")), 1014.0)

    assert (unchanged.since, renewed.since) == (1000.0, 1014.0)


def test_taking_is_a_new_term_in_the_same_epoch() -> None:
    taken = leases.taken(lease("other"), "me", Timing(), NOW, new_epoch=99)

    assert LeaseRecord.of(taken) == LeaseRecord("me", 4, "2026-01-02T03:04:05.678901Z", 15.0, 7)
    assert taken["metadata"]["resourceVersion"] == "5", "what was read is the precondition"
    assert taken["metadata"]["annotations"]["other"] == "kept"


def test_a_lease_without_an_epoch_gets_one() -> None:
    taken = leases.taken(lease("", epoch=None), "me", Timing(), NOW, new_epoch=99)

    assert LeaseRecord.of(taken).epoch == 99


def test_what_is_released_can_be_taken_at_once() -> None:
    released = leases.released(lease("me"), NOW)

    assert LeaseRecord.of(released).holder == ""
    assert LeaseRecord.of(released).transitions == 3


@pytest.mark.parametrize("value", [None, "", "x", "-1"], ids=["absent", "empty", "no number", "negative"])
def test_an_epoch_that_cannot_be_read_is_none(value: str | None) -> None:
    assert LeaseRecord.of(lease("me", epoch=value)).epoch is None
