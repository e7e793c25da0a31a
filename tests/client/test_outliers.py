"""Which endpoint is asked and which is left out: the rule against a clock that is told, then real servers that go wrong in different ways."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.client import (
    CircuitBreakerConfig,
    CircuitOpenError,
    CircuitState,
    ClientConfig,
    ConfigurationError,
    EjectionConfig,
    NetworkError,
    PromptNotFoundError,
    PromptOpsClient,
    PromptOpsError,
    RateLimitError,
    RetryConfig,
    ServerError,
    SyncPromptOpsClient,
    ValidationError,
)
from promptops.client.errors import UNEXPECTED_ANSWER
from promptops.client.outliers import Endpoints
from tests.support.manifests import sourced
from tests.support.sidecar import Sidecar, Start, sidecars, write
from tests.support.waiting import wait_until


class Held:
    """Endpoints, a clock that is told, and a lot that always falls on the first."""

    def __init__(self, count: int = 3, **config: Any) -> None:
        self.time = 1000.0
        names = tuple(f"http://{letter}" for letter in "abcdefghij"[:count])
        self.all = Endpoints(names, EjectionConfig(**config), lambda: self.time, lambda of, many: of[:many])

    def fail(self, index: int, times: int = 1) -> None:
        """Let calls that went there fail."""
        for _ in range(times):
            self.all._all[index].in_flight += 1
            self.all.ended(index, succeeded=False)

    @property
    def out(self) -> dict[int, float]:
        """Who is left out, for how long."""
        told = enumerate(self.all.statistics())
        return {index: each.ejected_seconds for index, each in told if each.ejected_seconds is not None}


def test_so_many_failures_in_a_row_leave_it_out_for_a_while() -> None:
    held = Held()
    held.fail(1, 4)
    before = held.out
    held.fail(1)

    assert (before, held.out) == ({}, {1: 30.0})
    held.time += 30
    assert held.out == {}


def test_an_answer_in_between_begins_anew() -> None:
    held = Held()
    held.fail(0, 4)
    held.all.ended(held.all.choose(set()), succeeded=True)
    held.fail(0, 4)

    assert held.out == {}


def test_answers_of_others_do_not() -> None:
    held = Held()
    for _ in range(5):
        held.fail(1)
        held.all.ended(held.all.choose({1}), succeeded=True)

    assert held.out == {1: 30.0}


def test_each_time_it_is_left_out_for_longer_and_no_longer_than_most() -> None:
    held, lengths = Held(most_seconds=100.0), []
    for _ in range(5):
        held.fail(0, 5)
        lengths.append(held.out[0])
        held.time = held.all._all[0].back_at

    assert lengths == [30.0, 60.0, 90.0, 100.0, 100.0]


def test_time_without_being_left_out_is_forgiven() -> None:
    held = Held()
    for _ in range(3):
        held.fail(0, 5)
        held.time = held.all._all[0].back_at
    held.time += 60
    held.fail(0, 5)

    assert held.out == {0: 60.0}


@pytest.mark.parametrize(
    ("count", "share", "most"),
    [(2, 0.5, 1), (3, 0.5, 1), (4, 0.5, 2), (10, 0.1, 1), (3, 0.1, 1), (2, 0.9, 1), (3, 0.0, 0), (3, 1.0, 3)],
)
def test_no_more_than_a_share_is_left_out(count: int, share: float, most: int) -> None:
    held = Held(count, most_share=share)
    for index in range(count):
        held.fail(index, 10)

    assert len(held.out) == most


def test_who_is_out_is_asked_by_nobody_while_another_is_in() -> None:
    held = Held(2)
    held.fail(0, 5)

    assert {held.all.choose(tried) for tried in ({0}, {1}, {0, 1}, set()) for _ in range(3)} == {1}


def test_when_all_are_out_the_one_that_is_back_first_is_asked_and_is_in_once_it_answers() -> None:
    held = Held(2, most_share=1.0)
    for index in (1, 0):
        held.fail(index, 5)
        held.time += 1
    chosen = held.all.choose(set())
    other = held.all.choose({chosen})
    held.all.ended(chosen, succeeded=True)

    assert (chosen, other) == (1, 0)
    assert held.out.keys() == {0}


def test_another_attempt_goes_elsewhere_and_the_one_with_fewer_calls_is_asked() -> None:
    held = Held(3)
    first = held.all.choose(set())
    second = held.all.choose(set())
    third = held.all.choose({first, second})

    assert (first, second, third) == (0, 1, 2)


def test_what_was_on_its_way_when_it_was_left_out_makes_that_no_longer() -> None:
    held = Held()
    held.fail(0, 5)
    held.fail(0, 50)

    assert (held.out, held.all.statistics()[0].ejections) == ({0: 30.0}, 1)


def test_calls_that_were_given_up_say_nothing() -> None:
    held = Held()
    for _ in range(20):
        held.all.ended(held.all.choose(set()), succeeded=None)

    assert (held.out, [each.in_flight for each in held.all.statistics()]) == ({}, [0, 0, 0])


@given(
    st.integers(2, 6),
    st.floats(0, 1),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from((True, False, None)), st.floats(0, 100)), max_size=80),
)
def test_whatever_happens_somebody_is_asked_and_the_share_is_kept(
    count: int, share: float, steps: list[tuple[int, bool | None, float]]
) -> None:
    held = Held(count, most_share=share, failures=2, most_seconds=90.0)
    for index, succeeded, seconds in steps:
        tried = {index % count}
        chosen = held.all.choose(tried)

        assert chosen not in held.out or len(held.out) == count
        held.all.ended(chosen, succeeded=succeeded)
        assert len(held.out) <= (max(int(count * share), 1) if share else 0)
        assert all(0 < left <= 90 for left in held.out.values())
        held.time += seconds
    assert [each.in_flight for each in held.all.statistics()] == [0] * count


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        pytest.param(NetworkError("gone"), True, id="gone"),
        pytest.param(ServerError("busy", "NotReady", retryable=True), True, id="a fault that passes"),
        pytest.param(ServerError("what?", UNEXPECTED_ANSWER), True, id="no sidecar"),
        pytest.param(ServerError("disabled", "PromptDisabled"), False, id="a refusal that stays"),
        pytest.param(RateLimitError("slower", "TooManyRequests", retryable=True), False, id="too many calls"),
        pytest.param(ValidationError("wrong", "InvalidRequest"), False, id="a mistake"),
        pytest.param(PromptNotFoundError("who?", "PromptNotFound"), False, id="no such prompt"),
        pytest.param(KeyboardInterrupt(), False, id="an interrupt"),
    ],
)
def test_an_endpoint_is_blamed_for_what_is_its_own(error: BaseException, blamed: bool) -> None:
    held = Held(failures=1)
    with pytest.raises(type(error)), held.all.call(set()):
        raise error

    assert bool(held.out) == blamed


class _Busy(BaseHTTPRequestHandler):
    """Says that it can do nothing now."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def busy() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Busy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def hung() -> Iterator[str]:
    """One that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    """A port that stays free: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


NAME = {"name": "name", "type": "string"}


def config(*endpoints: str, seconds: float = 30.0, **more: Any) -> ClientConfig:
    """One failure is enough, and so long as a test may last nobody comes back."""
    return ClientConfig(
        endpoints=endpoints,
        timeout_seconds=seconds,
        retry=RetryConfig(attempts=3, base_seconds=0.001),
        ejection=EjectionConfig(failures=1, base_seconds=3600, most_seconds=3600),
        **more,
    )


_SECONDS: dict[Any, float] = {nobody: 30.0, hung: 6.0, busy: 30.0}
"""For one that hangs a third of it is waited."""


@pytest.mark.parametrize("bad", [pytest.param(each, id=each.__name__) for each in _SECONDS])
def test_one_that_does_not_answer_costs_no_render_and_is_left_out(sidecar: Sidecar, bad: Callable[[], Any]) -> None:
    with bad() as url, SyncPromptOpsClient(config(url, sidecar.url, seconds=_SECONDS[bad])) as client:
        for _ in range(100):
            client.render_prompt("greeting", {"name": "Ada"})
        done = client.get_stats()

    wrong, well = done.endpoints
    assert (done.failed, done.succeeded, wrong.ejections, wrong.failed, well.failed) == (0, 100, 1, 1, 0)
    assert wrong.ejected_seconds is not None
    assert (done.circuit, done.retries) == (CircuitState.CLOSED, 1)


@pytest.mark.parametrize("bad", [pytest.param(each, id=each.__name__) for each in _SECONDS])
async def test_the_same_in_asyncio(sidecar: Sidecar, bad: Callable[[], Any]) -> None:
    with bad() as url:
        async with PromptOpsClient(config(url, sidecar.url, seconds=_SECONDS[bad])) as client:
            for _ in range(100):
                await client.render_prompt("greeting", {"name": "Ada"})
            done = await client.get_stats()
            listed = await client.list_prompts()

    wrong, well = done.endpoints
    assert (done.failed, done.succeeded, wrong.ejections, wrong.failed, well.failed) == (0, 100, 1, 1, 0)
    assert len(listed) == 7


@pytest.fixture
def start() -> Iterator[Start]:
    yield from sidecars()


def test_one_that_is_killed_while_it_is_asked_costs_no_render(start: Start, sidecar: Sidecar, tmp_path: Path) -> None:
    write(tmp_path / "prompts.yaml", sourced("greeting", {"text": "Hello {{ name }}", "variables": [NAME]}))
    other = start(tmp_path)
    failures: list[PromptOpsError] = []
    over = threading.Event()
    with SyncPromptOpsClient(config(other.url, sidecar.url)) as client:

        def ask() -> None:
            while not over.is_set():
                try:
                    client.render_prompt("greeting", {"name": "Ada"})
                except PromptOpsError as error:
                    failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: min(each.succeeded for each in client.get_stats().endpoints) > 10)
        other.process.kill()
        wait_until(lambda: client.get_stats().endpoints[0].ejections, lambda: client.get_stats())
        over.set()
        for thread in threads:
            thread.join()
        killed, well = client.get_stats().endpoints

    assert failures == []
    assert (killed.ejections, well.ejections) == (1, 0)


def test_calls_are_spread(sidecar: Sidecar) -> None:
    with SyncPromptOpsClient(config(sidecar.url, sidecar.url.replace("127.0.0.1", "localhost"))) as client:
        for _ in range(200):
            client.render_prompt("greeting", {"name": "Ada"})
        shares = [each.succeeded for each in client.get_stats().endpoints]

    assert sum(shares) == 200
    assert min(shares) > 40


def test_the_breaker_is_the_clients_and_opens_when_all_fail() -> None:
    with nobody() as one, nobody() as two:
        breaker = CircuitBreakerConfig(failure_threshold=4)
        with SyncPromptOpsClient(config(one, two, breaker=breaker)) as client:
            codes = Counter(_code(client) for _ in range(3))
            done = client.get_stats()

    # Three attempts of the first call, one of the second, and no more.
    assert codes == {"NetworkError": 1, "CircuitOpen": 2}
    assert done.circuit is CircuitState.OPEN
    assert sum(each.failed for each in done.endpoints) == 4
    assert sum(each.ejected_seconds is not None for each in done.endpoints) == 1


def _code(client: SyncPromptOpsClient) -> str:
    try:
        client.render_prompt("greeting")
    except CircuitOpenError as error:
        return error.error_code
    except PromptOpsError as error:
        return error.error_code
    return ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"endpoints": "http://a"}, "endpoints must be a list of URLs, not str", id="one string"),
        pytest.param({"endpoints": 7}, "endpoints must be a list of URLs, not int", id="a number"),
        pytest.param({"endpoints": ["http://a", "b"]}, r"endpoints\[1\] is 'b'", id="no URL"),
        pytest.param({"endpoints": ["http://a", "http://a/"]}, "no two the same", id="twice the same"),
        pytest.param({"endpoints": [f"http://h{number}" for number in range(65)]}, "at most 64", id="too many"),
        pytest.param({"endpoints": ["http://a"], "socket": "/run/s"}, "give endpoints, or socket", id="and a socket"),
        pytest.param({"endpoints": ["http://a"], "base_url": "http://b"}, "give endpoints, or", id="and a URL"),
        pytest.param({"ejection": None}, "ejection must be a EjectionConfig", id="no ejection"),
        pytest.param({"ejection": EjectionConfig(failures=0)}, "ejection.failures must be", id="after no failure"),
        pytest.param({"ejection": EjectionConfig(most_share=1.1)}, "from 0 to 1", id="more than all"),
        pytest.param(
            {"ejection": EjectionConfig(base_seconds=-1)}, "ejection.base_seconds", id="for less than no time"
        ),
    ],
)
def test_endpoints_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ClientConfig(**settings)


def test_one_place_takes_the_place_of_another() -> None:
    several = ClientConfig(base_url="http://a").changed({"endpoints": ("http://b", "http://c")})
    one = several.changed({"base_url": "http://d"})

    assert [place.name for place in several.places()] == ["http://b", "http://c"]
    assert [place.name for place in one.places()] == ["http://d"]
