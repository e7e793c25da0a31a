"""Conditions move honestly."""

from datetime import UTC, datetime, timedelta

import pytest

from promptops.api.v1alpha1.schema import Condition
from promptops.domain.conditions import UNSAID, Statement, conditions_of, find, moment, timestamp

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
READY = Condition(
    type="Ready",
    status="True",
    reason="Active",
    message="fine",
    last_transition_time="2026-01-01T00:00:00Z",
    observed_generation=1,
)
OTHER = READY.model_copy(update={"type": "Converged"})


def test_the_transition_time_stays_while_the_status_stays() -> None:
    changed = conditions_of((Statement("Ready", "True", "Disabled", "off", 2),), (READY,), NOW)

    assert changed == (READY.model_copy(update={"reason": "Disabled", "message": "off", "observed_generation": 2}),)


def test_the_transition_time_moves_with_the_status() -> None:
    (changed,) = conditions_of((Statement("Ready", "False", "VersionNotFound", "gone", 2),), (READY,), NOW)

    assert (changed.status, changed.last_transition_time) == ("False", "2026-01-02T03:04:05Z")


def test_only_the_wanted_conditions_remain_in_their_order() -> None:
    kept = conditions_of((Statement("Ready", "True", "Active", "fine", 1),), (OTHER, READY), NOW)

    assert kept == (READY,)


def test_a_condition_without_a_transition_time_gets_one() -> None:
    timeless = READY.model_copy(update={"last_transition_time": ""})

    (changed,) = conditions_of((Statement("Ready", "True", "Active", "", 1),), (timeless,), NOW)

    assert changed.last_transition_time == timestamp(NOW)


def test_a_condition_is_found_by_its_type() -> None:
    assert find((READY, OTHER), "Converged") == OTHER
    assert find((READY,), "Stalled") is UNSAID
    assert find(None, "Ready") is UNSAID


def test_timestamps_are_utc_and_whole_seconds() -> None:
    assert timestamp(NOW.astimezone()) == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("2026-01-02T03:04:05Z", NOW.replace(microsecond=0), id="UTC"),
        pytest.param("2026-01-02T04:04:05+01:00", NOW.replace(microsecond=0), id="another zone"),
        pytest.param("2026-01-02T03:04:05", NOW.replace(microsecond=0), id="no zone is UTC"),
        pytest.param("soon", None, id="no timestamp"),
        pytest.param("", None, id="empty"),
    ],
)
def test_moment(written: str, read: datetime | None) -> None:
    assert moment(written) == read


def test_a_written_moment_is_at_most_a_second_early() -> None:
    written = moment(timestamp(NOW))

    assert written is not None
    assert timedelta(0) <= NOW - written < timedelta(seconds=1)
