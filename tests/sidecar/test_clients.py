"""What a sidecar makes of the words of those who render for themselves: counted once, bounded, and never more served than they can do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from promptops.api.clients import ClientReport, ClientReportAnswer, LocalRenders
from promptops.api.feed import LATENCY_BUCKETS_SECONDS, LOST_SECONDS, Nack, Position, ReportBatch, ReportsAnswer
from promptops.cache.index import digest_of
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.feed.reporter import Reporter
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.rendering.errors import InvalidInput
from promptops.sidecar.clients import MAX_CLIENTS, Clients
from promptops.telemetry.sidecar import SidecarMetrics
from promptops.web.problems import HttpRefusal
from tests.client.in_process.test_local import NAMED, Held

OLDER, NEWER = Position(0, 0, 1), Position(0, 0, 2)
BUCKETS = (3, *[0] * len(LATENCY_BUCKETS_SECONDS))


class Nobody:
    """A hop above that is never asked."""

    async def report(self, reports: ReportBatch) -> ReportsAnswer:
        raise AssertionError(reports)


class Told:
    """A sidecar that holds one prompt, and hears reports."""

    def __init__(self) -> None:
        self.time = 0.0
        held = Held(p=NAMED)
        held.put(p=NAMED)
        self.store: Store = held.store
        view = self.store.current
        assert view is not None
        self.view: View = view
        self.digest = digest_of(next(iter(view.blobs.values())))
        self.metrics, self.tally = SidecarMetrics(), Tally()
        self.statistics = RenderStatistics(lambda: self.time)
        self.clients = Clients(self.store, self.metrics, self.tally, self.statistics, lambda: self.time)
        self.news = 0
        self.clients.listen(self._changed)
        self.reporter = Reporter(Nobody(), self.store, "sidecar", renders=self.tally, below=self.clients)

    def hear(self, instance: str, position: Position | None = None, **more: Any) -> int:
        """Take a report; return the number that is acknowledged."""
        report = ClientReport(instance, position=position, **more)
        return msgspec.json.decode(self.clients.take(msgspec.json.encode(report)).body, type=ClientReportAnswer).number

    def renders(self, prompt: str = "p", **more: Any) -> LocalRenders:
        """Return renders of what is held."""
        given: dict[str, Any] = {"succeeded": 3, "latency_buckets": BUCKETS} | more
        return LocalRenders(prompt, self.digest, **given)

    def _changed(self) -> None:
        self.news += 1


@pytest.fixture
def told() -> Told:
    """A sidecar at a position."""
    return Told()


def test_renders_of_others_are_counted_as_its_own(told: Told) -> None:
    told.hear("a", number=1, renders=(told.renders(failures={"InvalidVariables": 2}, spent_us=30),))

    (counted,) = told.statistics.summary().prompts
    assert (counted.succeeded, counted.failures, counted.average_ms) == (3, {"InvalidVariables": 2}, 0.01)
    exposed = told.metrics._registry.get_sample_value
    assert exposed("promptops_renders_total", {"prompt": "p", "outcome": "success", "code": ""}) == 3
    assert exposed("promptops_renders_total", {"prompt": "p", "outcome": "failure", "code": "InvalidVariables"}) == 2
    (reported,) = told.reporter.report().renders
    assert (reported.digest, reported.succeeded, reported.failed) == (told.digest, 3, 2)
    assert reported.latency_buckets == BUCKETS


def test_fallbacks_of_others_are_counted_as_its_own(told: Told) -> None:
    told.metrics.prompts.fell_back("p", "TooStale")
    told.hear("a", number=1, renders=(told.renders(failures={"TooStale": 2}, fallbacks={"TooStale": 2, "Made-Up": 1}),))

    (counted,) = told.statistics.summary().prompts
    exposed = told.metrics._registry.get_sample_value
    assert counted.fallbacks == 3
    assert exposed("promptops_fallback_renders_total", {"prompt": "p", "code": "TooStale"}) == 3
    assert exposed("promptops_fallback_renders_total", {"prompt": "p", "code": "InternalError"}) == 1


def test_what_is_sent_again_counts_once(told: Told) -> None:
    numbers = [told.hear("a", number=number, renders=(told.renders(),)) for number in (1, 1, 2)]

    assert numbers == [1, 1, 2]
    assert told.statistics.summary().succeeded == 6


def test_prompts_and_codes_that_nobody_here_knows_make_no_label(told: Told) -> None:
    told.hear("a", number=1, renders=(told.renders("nobody's"), told.renders(failures={"Made-Up": 1, "<x>": 1})))

    (counted,) = told.statistics.summary().prompts
    assert (counted.prompt, counted.failures) == ("p", {"InternalError": 2})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="from nobody"),
        pytest.param(b'{"instance": "a", "renders": [{"prompt": "p", "digest": "d", "succeeded": -1}]}', id="fewer than none"),
        pytest.param(b'{"instance": "' + b"a" * 257 + b'"}', id="a name that is too long"),
        pytest.param(msgspec.json.encode({"instance": "a", "renders": [{"prompt": "p", "digest": "d"}] * 201}), id="too many contents"),
        pytest.param(msgspec.json.encode({"instance": "a", "renders": [{"prompt": "p", "digest": "d", "latency_buckets": [0] * 99}]}), id="too many buckets"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_and_counts_nothing(told: Told, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        told.clients.take(body)

    assert (told.clients.count, told.statistics.summary().total) == (0, 0)


@pytest.mark.parametrize(
    ("positions", "least"),
    [
        pytest.param([], 2, id="nobody"),
        pytest.param([OLDER], 1, id="one is behind"),
        pytest.param([Position(0, 0, 2), OLDER, Position(0, 0, 2)], 1, id="one of three is behind"),
        pytest.param([None], 2, id="one that asks the sidecar"),
        pytest.param([Position(0, 0, 9)], 2, id="one that is ahead"),
    ],
)
def test_no_more_is_reported_as_served_than_all_processes_render(
    told: Told, positions: list[Position | None], least: int
) -> None:
    for index, position in enumerate(positions):
        told.hear(f"{index}", position)

    reported = told.reporter.report().position

    assert told.view.position.seq == 2
    assert reported is not None
    assert reported.seq == least


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda told: told.hear("a", told.view.position), id="it has caught up"),
        pytest.param(lambda told: told.hear("a", OLDER, goodbye=True), id="it has ended"),
        pytest.param(lambda told: setattr(told, "time", LOST_SECONDS), id="it fell silent"),
    ],
)
def test_who_was_behind_holds_nothing_back_once(told: Told, end: Any) -> None:
    told.hear("a", OLDER)
    behind = told.clients.behind

    end(told)

    assert (behind, told.clients.behind) == (1, 0)
    assert told.reporter.report().position == told.view.position


def test_a_prompt_that_a_process_could_not_take_is_reported_as_refused(told: Told) -> None:
    nacks = (Nack("p", "uid-p", 1, "ContentNotUnderstood"), Nack("gone", "uid", 1, "ContentNotUnderstood"))
    told.hear("a", told.view.position, nacks=nacks)

    assert told.reporter.report().nacks == nacks[:1]


def test_many_that_follow_one_step_are_one_piece_of_news(told: Told) -> None:
    for index in range(50):
        told.hear(f"{index}", OLDER)
    before = told.news

    for index in range(50):
        told.hear(f"{index}", told.view.position)

    assert (before, told.news) == (1, 2)


def test_as_many_may_report_as_may_follow(told: Told) -> None:
    for index in range(MAX_CLIENTS):
        told.hear(f"{index}")

    with pytest.raises(HttpRefusal):
        told.hear("one more")
    told.hear("0")

    told.time = LOST_SECONDS
    assert told.hear("one more") == 0
