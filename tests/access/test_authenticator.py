"""Tokens that were made up cost the API server nothing, or so much and no more; others do not wait for them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry

from promptops.access.authenticator import ACCEPTED_SECONDS, Authenticator, Places
from promptops.access.questions import OPEN_OF_ONE, REFUSALS_OF_ALL, REFUSALS_OF_ONE
from promptops.cluster.errors import ApiUnavailable
from promptops.cluster.tokens import Review, TokenRefused
from promptops.feed.authentication import AuthenticationUnavailable, TooMany, Unauthenticated
from promptops.telemetry.feed import FeedMetrics
from tests.access.test_claims import GOOD, token

HONEST = "system:serviceaccount:team-a:honest"


class Reviewer:
    """Accepts tokens of one subject that say so, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = self.open = self.most_open = 0
        self.takes_seconds = 0.0
        self.fails = False

    async def review(self, shown: str) -> Review:
        self.asked += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        await asyncio.sleep(self.takes_seconds)
        self.open -= 1
        if self.fails:
            raise ApiUnavailable("away")
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


async def at_once(authenticate: Authenticator, tokens: Iterable[str]) -> Counter[str]:
    """Show tokens in one moment; return how often each kind of answer came."""
    answers = await asyncio.gather(*map(authenticate, tokens), return_exceptions=True)
    return Counter(type(each).__name__ for each in answers)


async def test_who_asks_at_once_is_asked_about_no_more_often(authenticate: Authenticator, reviewer: Reviewer) -> None:
    reviewer.takes_seconds = 0.01

    of_one = await at_once(authenticate, map(made_up, range(400)))
    after_one = reviewer.asked
    again = await at_once(authenticate, map(made_up, range(400, 800)))

    assert after_one == REFUSALS_OF_ONE[0]
    assert of_one == {"Unauthenticated": REFUSALS_OF_ONE[0], "TooMany": 400 - REFUSALS_OF_ONE[0]}
    assert (reviewer.asked, again) == (after_one, {"TooMany": 400})


async def test_nor_are_many_strangers(authenticate: Authenticator, reviewer: Reviewer) -> None:
    reviewer.takes_seconds = 0.01
    await authenticate(good(0))

    def strangers(since: int) -> Iterable[str]:
        return (made_up(number, f"system:serviceaccount:team-{number}:default") for number in range(since, since + 400))

    first, honest = await asyncio.gather(
        at_once(authenticate, strangers(0)), at_once(authenticate, map(good, range(1, 30)))
    )
    second = await at_once(authenticate, strangers(400))

    assert first == {"Unauthenticated": REFUSALS_OF_ALL[0], "TooMany": 400 - REFUSALS_OF_ALL[0]}
    assert (second, honest) == ({"TooMany": 400}, {"Caller": 29})
    assert reviewer.asked == 30 + REFUSALS_OF_ALL[0]


async def test_many_good_tokens_of_one_subject_wait_for_each_other_and_none_is_refused(
    authenticate: Authenticator, reviewer: Reviewer
) -> None:
    """As after a change of the leader: every pod of a Deployment comes with a token of its own."""
    reviewer.takes_seconds = 0.001

    assert await at_once(authenticate, map(good, range(500))) == {"Caller": 500}
    assert reviewer.most_open == OPEN_OF_ONE


async def test_questions_that_nobody_answered_are_no_refusals(authenticate: Authenticator, reviewer: Reviewer) -> None:
    reviewer.fails = True
    away = await at_once(authenticate, map(good, range(300)))
    reviewer.fails = False

    assert away == {AuthenticationUnavailable.__name__: 300}
    assert await at_once(authenticate, map(good, range(300))) == {"Caller": 300}


async def test_a_token_that_was_good_does_not_wait_for_those_that_claim_its_subject(
    authenticate: Authenticator, reviewer: Reviewer, clock: Clock
) -> None:
    mine = good(0)
    await authenticate(mine)
    clock.now += ACCEPTED_SECONDS + 1
    await at_once(authenticate, (made_up(number, HONEST) for number in range(100)))

    with pytest.raises(TooMany):
        await authenticate(good(1))
    assert (await authenticate(mine)).service_account == "honest"
