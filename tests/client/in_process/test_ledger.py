"""What is told of renders: each once, by content, as much as there is room for."""

from __future__ import annotations

import pytest

from promptops.api.clients import ClientReport, ClientReportAnswer, LocalRenders
from promptops.api.feed import STALENESS_FEATURE, Fallback
from promptops.client.errors import PromptOpsError
from promptops.client.in_process.ledger import RenderLedger
from promptops.client.in_process.reporting import Reporting
from promptops.client.statistics import CallCounts, QuickCount
from promptops.feed.hop import Disconnected
from tests.client.in_process.test_local import BODY, NAMED, Held


def totals(told: tuple[LocalRenders, ...]) -> dict[str, tuple[int, dict[str, int]]]:
    """Return what was told, by prompt."""
    return {each.prompt: (each.succeeded, each.failures) for each in told}


def test_both_ways_of_rendering_are_told_and_once() -> None:
    held = Held(p=NAMED)
    held.warm()
    for _ in range(3):
        assert held.local.quick("p", {"name": "Ada"}) is not None
    with pytest.raises(PromptOpsError):
        held.local.current("p", b"{}")

    first, second = held.local._ledger.take(), held.local._ledger.take()

    assert totals(first) == {"p": (4, {"InvalidVariables": 1})}
    assert second == ()


def test_what_stood_in_for_a_prompt_is_told_as_a_failure_that_was_answered() -> None:
    held = Held(p=NAMED)
    held.max_staleness_s, held.must_understand, held.fallback = 5, (STALENESS_FEATURE,), Fallback(text="Ours")
    held.put(p=NAMED)
    held.store.confirm(held.time)
    held.time += 6
    answer = held.local.current("p", BODY)

    (told,) = held.local._ledger.take()

    assert answer is not None
    assert answer.source == "fallback"
    assert (told.succeeded, told.failures, told.fallbacks) == (0, {"TooStale": 1}, {"TooStale": 1})


def test_what_was_on_its_way_when_a_version_was_replaced_is_told_too() -> None:
    held = Held(p=NAMED)
    held.warm()
    before = held.local._hot["p"]
    held.put(p=NAMED | {"text": "Bye {{ name }}"})
    first = held.local._ledger.take()
    before.count.answered += 1

    late = held.local._ledger.take()

    assert before.count.closed
    assert (totals(first), totals(late)) == ({"p": (1, {})}, {"p": (1, {})})
    assert [held.local._ledger.take() for _ in range(2)] == [(), ()]
    assert held.local._ledger._cells == {}


def test_what_there_is_no_room_for_comes_next() -> None:
    ledger = RenderLedger()
    for index in range(5):
        ledger.succeeded(f"p{index}", "d", 0.0)

    told = [len(ledger.take(2)) for _ in range(4)]

    assert told == [2, 2, 1, 0]


def test_statistics_forget_no_render_of_versions_that_are_replaced() -> None:
    counts = CallCounts()
    for _ in range(1000):
        made = QuickCount()
        counts.count_at(made)
        made.answered, made.closed = 1, True

    assert counts.summary(None).local == 1000
    assert len(counts._quick) < 100


class Sidecar:
    """Takes reports, or fails in a way that is told."""

    def __init__(self) -> None:
        self.heard: list[ClientReport] = []
        self.fails: Disconnected | None = None

    async def report(self, report: ClientReport) -> ClientReportAnswer:
        self.heard.append(report)
        if self.fails is not None:
            raise self.fails
        return ClientReportAnswer(report.number)


@pytest.mark.parametrize(
    ("problem", "again"),
    [
        pytest.param("Unreachable", True, id="not heard: under the same number"),
        pytest.param("InvalidRequest", False, id="refused: no more"),
    ],
)
async def test_counts_that_were_not_taken(problem: str, again: bool) -> None:
    sidecar, ledger = Sidecar(), RenderLedger()
    reporting = Reporting("a", sidecar, ledger, lambda: None)
    ledger.succeeded("p", "d", 0.0)
    sidecar.fails = Disconnected(problem, "")
    assert reporting._has_news()
    await reporting._tell()
    ledger.succeeded("p", "d", 0.0)
    sidecar.fails = None

    assert reporting._has_news()
    await reporting._tell()

    first, second = sidecar.heard
    assert (second.number == first.number, second.renders == first.renders) == (again, True)
    assert reporting._has_news() == again
