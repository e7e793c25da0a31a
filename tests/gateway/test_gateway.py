"""A gateway: each caller gets its own namespace and nobody else's, and the origin hears what is served there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from promptops.feed.authentication import AuthenticationUnavailable
from promptops.gateway import face
from tests.support.gateway import RunningGateway, gateway
from tests.support.hop import OTHER_SCOPE, SCOPE
from tests.support.waiting import until


@pytest.fixture
async def running() -> AsyncIterator[RunningGateway]:
    async with gateway() as made:
        yield made


async def render(running: RunningGateway, token: str | None = "token-a", name: str = "greeting") -> httpx.Response:  # noqa: S107
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers=headers) as http:
        return await http.post(f"{running.url}/v1/prompts/{name}/render", json={})


async def test_a_caller_gets_what_its_token_names(running: RunningGateway) -> None:
    running.hop.put(("greeting", "Bonjour"), ("other", "canary"), scope=OTHER_SCOPE)
    await until(lambda: _count(running) == 2)

    mine, theirs = await render(running), await render(running, "token-b")
    foreign, absent = await render(running, name="other"), await render(running, name="othen")

    assert (mine.json()["rendered_content"], theirs.json()["rendered_content"]) == ("Hello", "Bonjour")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.text.replace("other", "othen") == absent.text


def _count(running: RunningGateway) -> int:
    store = running.relay.store(OTHER_SCOPE)
    return len(store.current.entries) if store is not None and store.current is not None else 0


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        pytest.param(None, 401, "Unauthenticated", id="no token"),
        pytest.param("stranger", 401, "Unauthenticated", id="a token that is not accepted"),
        pytest.param("relay", 503, "NotReady", id="one of no namespace that is served"),
    ],
)
async def test_whoever_has_no_namespace_gets_nothing(
    running: RunningGateway, token: str | None, status: int, code: str
) -> None:
    answer = await render(running, token)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_who_cannot_be_told_has_to_retry(running: RunningGateway) -> None:
    running.hop.refusal = AuthenticationUnavailable("the API server cannot be asked; retry")

    answer = await render(running)

    assert (answer.status_code, answer.json()["retryable"]) == (503, True)


async def test_an_activation_is_rendered_and_reported(running: RunningGateway) -> None:
    assert (await render(running)).json()["rendered_content"] == "Hello"
    running.hop.put(("greeting", "Bonjour"), revision=2)
    published = running.hop.origin.position
    await until(lambda: {each.position for each in running.hop.reports.instances(SCOPE)} == {published(SCOPE)})

    assert (await render(running)).json()["rendered_content"] == "Bonjour"
    assert running.hop.reports.instances(OTHER_SCOPE) == (), "nobody called for it"


async def test_one_caller_cannot_have_everything(running: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "REQUESTS_OF_ONE", (3, 0.0))
    async with gateway() as tight:
        answers = [(await render(tight)).status_code for _ in range(4)]

        assert answers == [200, 200, 200, 429]
        assert (await render(tight, "token-b", "none")).status_code == 404


async def test_no_answer_outlives_the_token_that_was_shown_for_it(running: RunningGateway) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers={"Authorization": "Bearer token-a"}) as http:
        answers = [await http.get(f"{running.url}{path}") for path in ("/v1/events", "/ofrep/v1/sse")]

    assert [each.status_code for each in answers] == [404, 404]


async def test_what_fails_to_report_is_started_again(running: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [RuntimeError("anything"), RuntimeError("the goodbye")]

    def kids() -> tuple[str, ...]:
        if failures:
            raise failures.pop()
        return ()

    monkeypatch.setattr(running.scopes, "_kids", kids)

    await render(running)

    await until(lambda: [each.goodbye for each in running.hop.reports.instances(SCOPE)] == [False])
    assert not failures


async def test_what_ends_says_goodbye(running: RunningGateway) -> None:
    await render(running)
    await until(lambda: len(running.hop.reports.instances(SCOPE)) == 1)

    await running.scopes.end()
    await running.relay.gathering.flush()

    assert [each.goodbye for each in running.hop.reports.instances(SCOPE)] == [True]
