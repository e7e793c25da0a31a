"""What a sidecar makes of the words of those who render for themselves: counted once, bounded, and never more served than they can do."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import pytest

from promptops.api.clients import ClientReport, ClientReportAnswer, LocalRenders
from promptops.api.feed import (
    LATENCY_BUCKETS_SECONDS,
    LOST_SECONDS,
    MAX_COUNT,
    MAX_REPORTED_RENDERS,
    Nack,
    Position,
    RenderCounters,
    Report,
    ReportBatch,
    ReportsAnswer,
)
from promptops.api.limits import (
    DIGEST_CHARACTERS,
    MAX_INSTANCE_CHARACTERS,
    MAX_REASON_CHARACTERS,
    MAX_UID_CHARACTERS,
)
from promptops.api.wire import Unreadable, read
from promptops.cache.index import digest_of
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.feed import serve
from promptops.feed.reporter import Reporter
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.rendering.errors import InvalidInput
from promptops.sidecar.clients import LEFT_SECONDS, MAX_NUMBERS, Clients
from promptops.telemetry.sidecar import SidecarMetrics
from tests.client.in_process.test_local import NAMED, Held
from tests.sidecar.test_feed import Following, followed
from tests.support.hop import SCOPE
from tests.support.sidecar import ROOT
from tests.support.waiting import until

__all__ = ["followed"]
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
        self.held = held = Held(p=NAMED)
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
        self.streams: dict[str, list[ExitStack]] = {}
        self.reporter = Reporter(Nobody(), self.store, "sidecar", renders=self.tally, below=self.clients)

    def follows(self, instance: str) -> None:
        """A process opens a stream."""
        stream = ExitStack()
        stream.enter_context(self.clients.following(instance))
        self.streams.setdefault(instance, []).append(stream)

    def leaves(self, instance: str) -> None:
        """The first of its streams ends."""
        self.streams[instance].pop(0).close()

    def says(self, instance: str, position: Position | None = None, **more: Any) -> int:
        """A process that follows reports."""
        if instance not in self.streams:
            self.follows(instance)
        return self.hear(instance, position, **more)

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


Step = Callable[[Told], None]


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


UNTAKEN = [
    pytest.param({"nacks": (Nack("p", "u", 1, "r" * 65),)}, id="a long reason"),
    pytest.param({"nacks": (Nack("p", "u" * 65, 1, "r"),)}, id="a long uid"),
    pytest.param({"nacks": (Nack("p" * 257, "u", 1, "r"),)}, id="a long name"),
    pytest.param({"nacks": (Nack("p", "u", -1, "r"),)}, id="a revision below nothing"),
    pytest.param({"nacks": (Nack("p", "u", 2**53, "r"),)}, id="a revision beyond counting"),
    pytest.param({"position": Position(1, 1, 2**53)}, id="a position beyond counting"),
    pytest.param({"position": Position(-1, 1, 1)}, id="a position before the first"),
    pytest.param({"instance": "x" * 257}, id="a long instance"),
]


@pytest.mark.parametrize("said", UNTAKEN)
def test_what_no_hop_above_takes_is_not_taken_from_a_process_next_door(told: Told, said: dict[str, Any]) -> None:
    """Of its own report the hop above would take nothing: the sidecar would be silent because of a neighbour."""
    told.says("a", Position(1, 1, 1))
    fields = {"instance": "a"} | said
    before = told.reporter.report()

    with pytest.raises(InvalidInput):
        told.clients.take(msgspec.json.encode(ClientReport(**fields)))
    with pytest.raises(Unreadable):
        read(msgspec.json.encode(ReportBatch((Report(**fields),))), ReportBatch)

    after = told.reporter.report()
    assert (after.position, after.nacks) == (before.position, before.nacks)


def test_whatever_processes_next_door_say_fits_in_a_report() -> None:
    """The worst of each field, in characters that are written as six bytes each."""
    nacks = tuple(
        Nack("\x01" * 63, "\x01" * MAX_UID_CHARACTERS, MAX_COUNT, "\x01" * MAX_REASON_CHARACTERS) for _ in range(102)
    )
    buckets = (MAX_COUNT,) * len(BUCKETS)
    renders = (RenderCounters("d" * DIGEST_CHARACTERS, MAX_COUNT, MAX_COUNT, buckets),) * MAX_REPORTED_RENDERS
    position = Position(MAX_COUNT, MAX_COUNT, MAX_COUNT)
    report = Report("\x01" * MAX_INSTANCE_CHARACTERS, position, nacks=nacks, renders=renders, number=MAX_COUNT)

    body = msgspec.json.encode(ReportBatch((report,)))

    assert len(body) < serve.MAX_REPORT_BYTES
    assert read(body, ReportBatch).reports == (report,)


def test_as_many_renders_as_can_be_told_of_are_no_more_when_several_tell(told: Told) -> None:
    most = (MAX_COUNT,) * len(BUCKETS)
    for instance in ("a", "b"):
        told.hear(instance, number=1, renders=(told.renders(succeeded=MAX_COUNT, latency_buckets=most),))

    report = told.reporter.report()

    assert report.renders[0].succeeded == MAX_COUNT
    assert read(msgspec.json.encode(ReportBatch((report,))), ReportBatch).reports == (report,)


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
        told.says(f"{index}", position)

    reported = told.reporter.report().position

    assert told.view.position.seq == 2
    assert reported is not None
    assert reported.seq == least


def after(seconds: float) -> Step:
    """So much later."""

    def step(told: Told) -> None:
        told.time += seconds

    return step


def follows(told: Told) -> None:
    """It opens a stream."""
    told.follows("a")


def leaves(told: Told) -> None:
    """Its stream ends, whoever ended it and however."""
    told.leaves("a")


def says_older(told: Told) -> None:
    """It reports that it renders from what is older than what the sidecar holds."""
    told.hear("a", OLDER)


def says_newest(told: Told) -> None:
    """It reports that it has caught up."""
    told.hear("a", told.view.position)


def says_goodbye(told: Told) -> None:
    """It reports for the last time."""
    told.hear("a", OLDER, goodbye=True)


@pytest.mark.parametrize(
    ("steps", "count", "least"),
    [
        pytest.param([], 1, 1, id="it follows and is behind"),
        pytest.param([says_newest], 1, 2, id="it has caught up"),
        pytest.param([says_goodbye], 0, 2, id="it says goodbye, its stream not yet ended"),
        pytest.param([says_goodbye, leaves], 0, 2, id="it says goodbye"),
        pytest.param([leaves, says_goodbye], 0, 2, id="its goodbye comes behind the end of its stream"),
        pytest.param([leaves, after(0.9)], 1, 1, id="its stream ended just now"),
        pytest.param([leaves, after(LEFT_SECONDS)], 0, 2, id="its stream ended a second ago"),
        pytest.param([leaves, after(0.9), says_older, after(0.1)], 0, 2, id="a report comes behind the end of its stream"),
        pytest.param([leaves, after(LEFT_SECONDS), says_older], 0, 2, id="a report comes a second behind that"),
        pytest.param([leaves, after(LEFT_SECONDS), says_goodbye], 0, 2, id="a goodbye comes a second behind that"),
        pytest.param([says_goodbye, says_older], 0, 2, id="a report is overtaken by the goodbye"),
        pytest.param([says_goodbye, leaves, says_older, after(0.5)], 0, 2, id="a report comes when all is over"),
        pytest.param([leaves, follows, after(5), says_older], 1, 1, id="it is back at once, and still behind"),
        pytest.param([leaves, follows, after(5)], 1, 2, id="it is back at once, so it begins with the newest"),
        pytest.param([leaves, after(5), follows, says_older], 1, 1, id="it is back later, and behind"),
        pytest.param([follows, leaves, after(5), says_older], 1, 1, id="its stream ends behind the beginning of the next"),
        pytest.param([says_goodbye, follows, says_older], 1, 1, id="it begins anew behind its goodbye"),
        pytest.param([says_goodbye, follows, says_older, leaves, after(5)], 1, 1, id="and then its first stream ends"),
        pytest.param([after(LOST_SECONDS - 0.1)], 1, 1, id="it hangs, perhaps"),
        pytest.param([after(LOST_SECONDS)], 0, 2, id="it hangs"),
        pytest.param([after(LOST_SECONDS), says_older], 1, 1, id="it hung, and goes on"),
    ],
)  # fmt: skip
def test_a_process_is_there_while_it_follows_and_speaks(told: Told, steps: list[Step], count: int, least: int) -> None:
    told.follows("a")
    told.hear("a", OLDER)

    for step in steps:
        step(told)

    reported = told.reporter.report().position
    assert reported is not None
    assert (told.clients.count, told.clients.behind, reported.seq) == (count, int(least == 1), least)


def test_until_it_speaks_a_process_renders_what_its_stream_began_with(told: Told) -> None:
    told.follows("a")
    told.held.put(p=NAMED)

    reported = told.reporter.report().position

    assert reported == told.view.position
    assert told.store.current is not None
    assert reported < told.store.current.position


def test_it_is_looked_until_whoever_left_is_forgotten(told: Told) -> None:
    told.says("stays")
    told.says("leaves", OLDER)
    told.leaves("leaves")
    before = told.news
    told.time = 0.9
    early = told.clients.look(), told.news - before
    told.time = LEFT_SECONDS

    assert early == (True, 0)
    assert (told.clients.look(), told.news - before) == (False, 1)


def test_who_never_follows_is_counted_for_its_renders_alone(told: Told) -> None:
    number = told.hear("a", OLDER, number=1, renders=(told.renders(),))

    assert (number, told.statistics.summary().succeeded) == (1, 3)
    assert (told.clients.count, told.reporter.report().position) == (0, told.view.position)


def test_the_end_of_one_process_is_no_others(told: Told) -> None:
    told.says("parent", OLDER)
    told.says("child", OLDER)

    told.leaves("parent")
    told.time = LEFT_SECONDS

    assert (told.clients.count, told.reporter.report().position) == (1, OLDER)


def test_what_was_counted_is_known_beyond_the_end_and_of_so_many(told: Told) -> None:
    told.says("a", number=1, renders=(told.renders(),))
    told.leaves("a")
    told.time = LOST_SECONDS
    again = told.hear("a", number=1, renders=(told.renders(),), goodbye=True)

    for index in range(2 * MAX_NUMBERS):
        told.hear(f"{index}", number=1)

    assert (again, told.statistics.summary().succeeded) == (1, 3)
    assert len(told.clients._counted) == MAX_NUMBERS


def test_a_prompt_that_a_process_could_not_take_is_reported_as_refused(told: Told) -> None:
    nacks = (Nack("p", "uid-p", 1, "ContentNotUnderstood"), Nack("gone", "uid", 1, "ContentNotUnderstood"))
    told.says("a", told.view.position, nacks=nacks)

    assert told.reporter.report().nacks == nacks[:1]


def test_many_that_follow_one_step_are_one_piece_of_news(told: Told) -> None:
    for index in range(50):
        told.says(f"{index}", OLDER)
    before = told.news

    for index in range(50):
        told.hear(f"{index}", told.view.position)

    # The first one that came was news, too.
    assert (before, told.news) == (2, 3)


PROGRAM = """
import os, sys
from promptops.client import SyncPromptOpsClient
client = SyncPromptOpsClient(socket=sys.argv[1])
client.initialize()
while not client.get_stats().local:
    client.render_prompt("greeting")
if sys.argv[2] == "forks" and os.fork() == 0:
    print("here", flush=True)
    sys.stdin.read()
    os._exit(0)
if sys.argv[2] == "alone":
    print("here", flush=True)
sys.stdin.read()
"""
"""Renders in its own process until its input ends; `forks`: and so does a child of it that never renders."""


@contextmanager
def process(socket: str, how: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that follows a sidecar."""
    command = [sys.executable, "-c", PROGRAM, socket, how]
    environment = {"PYTHONPATH": f"{ROOT / 'operator'}"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "here\n"
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize("how", ["alone", "forks"])
async def test_a_process_that_is_killed_holds_nothing_back(followed: Following, how: str) -> None:
    def reported() -> list[int]:
        return [each.position.seq for each in followed.hop.reports.instances(SCOPE) if each.position is not None]

    await followed.answers("Hello")
    await until(lambda: reported() == [1], reported)
    with process(str(followed.sidecar.socket), how) as running:
        running.send_signal(signal.SIGSTOP)
        followed.hop.put(("greeting", "Bonjour"), revision=2)
        await followed.answers("Bonjour")
        hanging = reported()
        running.kill()

        # Whoever fell silent would be believed for up to twenty seconds more.
        await until(lambda: reported() == [2], reported, within=12.0)

    assert hanging == [1]
