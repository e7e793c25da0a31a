"""Tokens that were made up cost the API server nothing, or so much and no more; others do not wait for them."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry

from promptops.access.authenticator import REFUSALS_OF_ALL, REFUSALS_OF_ONE, Authenticator, Places
from promptops.cluster.tokens import Review, TokenRefused
from promptops.feed.authentication import TooMany, Unauthenticated
from promptops.telemetry.feed import FeedMetrics
from tests.access.test_claims import GOOD, token

HONEST = "system:serviceaccount:team-a:honest"


class Reviewer:
    """Accepts tokens of one subject that say so, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def review(self, shown: str) -> Review:
        self.asked += 1
        if shown.endswith(".good"):
            return Review("team-a", "honest", None, None)
        raise TokenRefused("made up")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made_up(number: int, subject: str = "system:serviceaccount:team-a:default") -> str:
    return f"{token(GOOD | {'sub': subject, 'exp': time.time() + 600})[:-4]}x{number}"


def good(number: int) -> str:
    return f"{token(GOOD | {'sub': HONEST, 'exp': time.time() + 600 + number}).rpartition('.')[0]}.good"


@pytest.fixture
def reviewer() -> Reviewer:
    return Reviewer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authenticate(reviewer: Reviewer, clock: Clock) -> Authenticator:
    places = Places({"team-a": "scope"}.get, {"team-a": "team"}.get)
    return Authenticator(reviewer, places, FeedMetrics(CollectorRegistry()), clock)


async def test_garbage_costs_no_question(authenticate: Authenticator, reviewer: Reviewer) -> None:
    for number in range(200):
        with pytest.raises(Unauthenticated):
            await authenticate(f"garbage-{number}")

    assert reviewer.asked == 0


async def test_made_up_tokens_of_one_subject_are_asked_about_so_often(
    authenticate: Authenticator, reviewer: Reviewer, clock: Clock
) -> None:
    for number in range(200):
        with pytest.raises((Unauthenticated, TooMany)):
            await authenticate(made_up(number))
    assert reviewer.asked == REFUSALS_OF_ONE[0]

    clock.now += 10

    with pytest.raises(Unauthenticated):
        await authenticate(made_up(1000))


async def test_made_up_tokens_of_any_subject_are_asked_about_so_often(
    authenticate: Authenticator, reviewer: Reviewer
) -> None:
    await authenticate(good(0))

    for number in range(1000):
        with pytest.raises((Unauthenticated, TooMany)):
            await authenticate(made_up(number, f"system:serviceaccount:team-{number}:default"))

    assert reviewer.asked == 1 + REFUSALS_OF_ALL[0]
    assert (await authenticate(good(1))).service_account == "honest"
