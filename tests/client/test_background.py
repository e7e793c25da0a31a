"""A thread that a caller begins comes through whatever a signal raises in the caller, anywhere."""

from __future__ import annotations

import gc
import random
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from promptops.api.observed import REQUESTED
from promptops.client.background import Background
from promptops.client.events import Subscriptions
from tests.support.waiting import eventually

CUTS = 2000


class Cut(Exception):
    """Raised by a signal, wherever the program is."""


@pytest.fixture
def cuts() -> Iterator[None]:
    """Have the alarm raise."""

    def cut(*_: object) -> None:
        raise Cut

    before = signal.signal(signal.SIGALRM, cut)
    gc.disable()  # what it calls in this thread could be cut off, and is not under test
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    gc.enable()


@pytest.mark.usefixtures("cuts")
def test_however_often_its_beginning_is_cut_off_it_runs_once_at_a_time_and_then_runs() -> None:
    over, together, most = threading.Event(), [0], [0]

    def run() -> None:
        together[0] += 1
        most[0] = max(most[0], together[0])
        over.wait(random.random() * 0.001)  # noqa: S311 - chance is the point, not a secret
        together[0] -= 1

    background, cut = Background(run, "tried"), 0
    while cut < CUTS:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.random() * 0.0004 + 1e-5)  # noqa: S311
            background.ensure()
            time.sleep(0.0001)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Cut:
            cut += 1
    signal.setitimer(signal.ITIMER_REAL, 0)

    eventually(lambda: background.is_alive, False)
    assert (most[0], together[0]) == (1, 0)
    background.ensure()
    eventually(lambda: background.is_alive, False)


@pytest.mark.usefixtures("cuts")
def test_who_subscribed_is_told_after_any_cut() -> None:
    told: list[str] = []
    subscriptions, cut = Subscriptions(), 0
    while cut < CUTS:
        end = subscriptions.subscribe(REQUESTED, lambda event: told.append(event.prompt_id))
        try:
            signal.setitimer(signal.ITIMER_REAL, random.random() * 0.0008 + 1e-5)  # noqa: S311
            subscriptions.asked("p0", {}, "default")
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Cut:
            cut += 1
        subscriptions.asked("after", {}, "default")
        eventually(lambda: told[-1:], ["after"])
        told.clear()
        end()


def test_it_is_not_waited_for_by_itself() -> None:
    ended: list[float] = []

    def run() -> None:
        begun = time.monotonic()
        background.join(30)
        ended.append(time.monotonic() - begun)

    background = Background(run, "tried")
    background.ensure()
    background.join(30)

    assert len(ended) == 1
    assert not background.is_alive


def test_what_has_ended_begins_again() -> None:
    ran: list[int] = []
    background = Background(lambda: ran.append(threading.get_ident()), "tried")

    for _ in range(3):
        background.ensure()
        background.join(30)

    assert len(ran) == 3
