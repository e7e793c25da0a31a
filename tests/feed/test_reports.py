"""The table of instances: who counts, for how long, and what a report cannot do."""

from __future__ import annotations

import pytest

from promptops.api.feed import Nack, Position, Report
from promptops.feed import reports as reports_module
from promptops.feed.authentication import Caller
from promptops.feed.reports import Reports

FIRST, SECOND, THIRD = Position(1, 1, 1), Position(1, 1, 2), Position(1, 1, 3)
POD = Caller("scope", "team-a", "team-a", "pod-1", "default")
OTHER_POD = Caller("scope", "team-a", "team-a", "pod-2", "default")
ACCOUNT = Caller("scope", "team-a", "team-a", None, "default")


class Table:
    """The table of an origin that has published the second position."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.reports = Reports(lambda scope: SECOND if scope == "scope" else None)
        self.reports.subscribe(self.told.append)

    def record(self, caller: Caller, instance: str, position: Position | None, now: float, **fields: object) -> None:
        self.reports.record(caller, Report(instance, position, **fields), now)  # type: ignore[arg-type]

    def names(self, scope: str = "scope") -> set[str]:
        return {row.instance for row in self.reports.instances(scope)}


@pytest.fixture
def table() -> Table:
    return Table()


def test_a_report_becomes_a_row(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0, nacks=(Nack("a", "uid-a", 3, "BlobMissing"),))

    [row] = table.reports.instances("scope")
    assert (row.instance, row.pod_uid, row.position, row.last_seen) == ("one", "pod-1", SECOND, 10.0)
    assert row.nacks == {"a": ("uid-a", 3)}
    assert table.told == ["scope"]


def test_saying_the_same_again_is_no_news(table: Table) -> None:
    for now in (10.0, 15.0, 20.0):
        table.record(POD, "one", FIRST, now)
    assert table.told == ["scope"]

    table.record(POD, "one", SECOND, 25.0)
    table.record(POD, "one", SECOND, 30.0, nacks=(Nack("a", "uid-a", 3, "BlobMissing"),))

    assert table.told == ["scope"] * 3
    assert table.reports.instances("scope")[0].last_seen == 30.0


def test_a_position_that_was_never_published_serves_nothing_of_ours(table: Table) -> None:
    table.record(POD, "one", THIRD, 10.0)
    table.record(Caller("unpublished", "b", "b", "pod-3", "default"), "two", FIRST, 10.0)

    assert [row.position for row in table.reports.instances("scope")] == [None]
    assert [row.position for row in table.reports.instances("unpublished")] == [None]


def test_an_instance_can_lie_about_itself_only(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0)
    table.record(OTHER_POD, "one", FIRST, 11.0, goodbye=True)
    table.record(Caller("other-scope", "b", "b", "pod-1", "default"), "one", None, 11.0, goodbye=True)

    rows = {row.pod_uid: row for row in table.reports.instances("scope")}
    assert (rows["pod-1"].position, rows["pod-1"].goodbye) == (SECOND, False)
    assert rows["pod-2"].goodbye


def test_who_is_silent_is_told_of_as_lost_once(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0)
    table.told.clear()

    for now in (29.9, 30.0, 31.0):
        table.reports.sweep(now)

    assert table.told == ["scope"]
    assert table.names() == {"one"}
    table.record(POD, "one", SECOND, 32.0)
    assert table.told == ["scope", "scope"]


def test_who_is_silent_for_five_minutes_is_forgotten(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0)
    table.reports.sweep(309.9)
    assert table.names() == {"one"}

    table.reports.sweep(310.0)

    assert table.names() == set()
    assert table.reports._scopes == {}


def test_a_goodbye_is_final_even_if_a_report_overtakes_it(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0)
    table.record(POD, "one", SECOND, 11.0, goodbye=True)
    table.record(POD, "one", SECOND, 11.1)

    assert [row.goodbye for row in table.reports.instances("scope")] == [True]
    table.reports.sweep(71.0)
    assert table.names() == set()


@pytest.mark.parametrize("caller", [POD, ACCOUNT], ids=["of a pod", "of an account"])
def test_a_graceful_restart_under_the_same_name_counts_at_once(table: Table, caller: Caller) -> None:
    table.record(caller, "one", SECOND, 10.0, incarnation="first")
    table.record(caller, "one", SECOND, 11.0, incarnation="first", goodbye=True)

    table.record(caller, "one", SECOND, 11.5, incarnation="second")

    assert [(row.goodbye, row.incarnation) for row in table.reports.instances("scope")] == [(False, "second")]


def test_a_goodbye_that_comes_late_does_not_end_the_next_one(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0, incarnation="first")
    table.record(POD, "one", SECOND, 11.0, incarnation="second")
    table.record(POD, "one", SECOND, 11.1, incarnation="first", goodbye=True)

    assert [(row.goodbye, row.incarnation) for row in table.reports.instances("scope")] == [(False, "second")]


def test_a_base_that_is_not_known_is_asked_for_again(table: Table) -> None:
    def said(number: int, base: int, incarnation: str = "first") -> int:
        return table.reports.record(POD, Report("one", number=number, base=base, incarnation=incarnation), 10.0)

    assert said(number=7, base=6) == 0
    assert said(number=8, base=0) == 8
    assert said(number=9, base=8) == 9
    assert said(number=10, base=8) == 0
    assert said(number=11, base=10, incarnation="second") == 0


def test_an_instance_that_takes_almost_nothing_serves_nothing(table: Table) -> None:
    nacks = tuple(Nack(f"p{number}", "uid", 1, "BlobMissing") for number in range(101))

    table.record(POD, "one", SECOND, 10.0, nacks=nacks)

    [row] = table.reports.instances("scope")
    assert (row.position, len(row.nacks)) == (None, 100)


def test_a_restarted_sidecar_takes_the_place_of_its_predecessor(table: Table) -> None:
    table.record(POD, "killed", FIRST, 10.0)
    table.record(POD, "restarted", SECOND, 18.0)
    assert table.names() == {"killed", "restarted"}

    table.record(POD, "restarted", SECOND, 23.0)

    assert table.names() == {"restarted"}


def test_instances_of_one_account_do_not_replace_each_other(table: Table) -> None:
    table.record(ACCOUNT, "one", SECOND, 10.0)
    table.record(ACCOUNT, "two", SECOND, 200.0)

    assert table.names() == {"one", "two"}


def test_a_pod_cannot_fill_the_table(table: Table) -> None:
    for number in range(100):
        table.record(POD, f"made-up-{number}", SECOND, 10.0 + number / 100)
    table.record(OTHER_POD, "honest", SECOND, 11.0)

    assert len(table.names()) == reports_module.MAX_PER_POD + 1
    assert {"made-up-99", "honest"} <= table.names()


def test_a_pod_that_is_gone_counts_no_more(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0)
    table.record(OTHER_POD, "two", SECOND, 10.0)

    table.reports.forget_pods("scope", {"pod-1", "pod-7"})
    table.reports.forget_pods("scope", {"unknown"})

    assert table.names() == {"two"}
    table.reports.forget_scope("scope")
    assert table.names() == set()


def test_what_a_relay_repeats_of_who_has_left_it_overtakes_nothing(table: Table) -> None:
    table.record(POD, "one", SECOND, 30.0, incarnation="a", number=9)

    table.record(POD, "one", FIRST, 31.0, incarnation="a", number=3)
    table.record(POD, "one", FIRST, 12.0, incarnation="before", number=40)

    [row] = table.reports.instances("scope")
    assert (row.position, row.number, row.incarnation, row.last_seen) == (SECOND, 9, "a", 30.0)


def test_what_was_heard_long_ago_is_not_heard_of_now(table: Table) -> None:
    table.record(POD, "one", SECOND, 10.0, incarnation="a", number=3)
    table.reports.sweep(40.0)
    told = len(table.told)

    table.record(POD, "one", SECOND, 10.0, incarnation="a", number=3)
    table.reports.sweep(41.0)

    assert len(table.told) == told, "it was lost and is"
