"""Everything an application can say to a client beside a plain render, by both clients, over both ways to a real sidecar."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from promptops.api.http import Health
from promptops.client import (
    CacheConfig,
    CacheError,
    CacheLevel,
    CircuitBreakerConfig,
    CircuitOpenError,
    CircuitState,
    ClientConfig,
    ConfigurationError,
    ModelProvider,
    NetworkError,
    PromptNotFoundError,
    PromptOpsClient,
    PromptOpsError,
    PromptVariables,
    RateLimitError,
    RenderItem,
    RenderResponse,
    RetryConfig,
    ServerError,
    SyncPromptOpsClient,
    TimeoutError,
    ValidationError,
)
from promptops.client.retrying import Attempts
from promptops.client.session import Session
from promptops.dev.ports import free_ports
from promptops.rendering.payloads.formats import FORMATS, provider_of
from tests.client.conftest import Ask, ask_with
from tests.support.sidecar import Sidecar

WORDS = "our own words"


def test_variables_grow_by_name(ask: Ask) -> None:
    variables = PromptVariables(self="me").adding(count=1).adding(count=2)

    assert ask("render_prompt", "typed", variables).rendered_content == "2 me"


def test_a_provider_is_named_by_a_word_or_a_member(ask: Ask) -> None:
    by_member = ask("render_prompt", "greeting", {"name": "Ada"}, format=ModelProvider.OPENAI, model_name="gpt-9")

    assert by_member.payload["model"] == "gpt-9"
    assert {str(each) for each in ModelProvider} == {provider_of(form) for form in FORMATS}


def test_a_batch_answers_each_item_or_says_why_not(ask: Ask) -> None:
    good, missing, wrong = ask(
        "render_batch",
        [RenderItem("greeting", {"name": "Ada"}), RenderItem("greting"), RenderItem("greeting", {"name": 7})],
    )

    assert isinstance(good, RenderResponse)
    assert good.rendered_content == "Hello Ada"
    assert isinstance(missing, PromptNotFoundError)
    assert missing.suggested_prompts == ("greeting",)
    assert isinstance(wrong, ValidationError)
    assert [error.variable for error in wrong.validation_errors] == ["name"]


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([RenderItem("../greeting")], id="an id that is none"),
        pytest.param([RenderItem("greeting", {"name": object()})], id="a value that is no JSON"),
        pytest.param([{"prompt_id": "greeting"}], id="a dictionary"),
        pytest.param([RenderItem("greeting")] * 101, id="too many"),
    ],
)
def test_a_batch_that_cannot_be_sent(ask: Ask, items: list[Any]) -> None:
    with pytest.raises(ValidationError):
        ask("render_batch", items)


@pytest.mark.parametrize(
    ("variables", "valid", "wrong"),
    [
        pytest.param({"count": 1, "self": "me"}, True, [], id="fit"),
        pytest.param({"count": "1"}, False, ["self", "count"], id="one missing, one of another type"),
        pytest.param({"count": 1, "self": "me", "other": 1}, False, ["other"], id="one that nobody declared"),
    ],
)
def test_validate_prompt(ask: Ask, variables: dict[str, Any], valid: bool, wrong: list[str]) -> None:
    validation = ask("validate_prompt", "typed", variables)

    assert (validation.valid, sorted(error.variable for error in validation.errors)) == (valid, sorted(wrong))


def test_get_prompt_gets_what_is_served_or_the_version_of_a_number(ask: Ask) -> None:
    served, older = ask("get_prompt", "two"), ask("get_prompt", "two", "1.1.0")

    assert (served.version, served.content["text"]) == ("1.0.0", "one")
    assert (older.version, older.content["text"], older.active) == ("1.1.0", "two", False)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        pytest.param("7.0.0", PromptNotFoundError, id="no such version"),
        pytest.param("../1.1.0", PromptNotFoundError, id="a path"),
        pytest.param("", ValidationError, id="none"),
        pytest.param("..", ValidationError, id="dots"),
        pytest.param("\ud800", ValidationError, id="half of a surrogate pair"),
        pytest.param(1.0, ValidationError, id="a number"),
    ],
)
def test_a_version_that_there_is_not(ask: Ask, version: Any, kind: type[PromptOpsError]) -> None:
    with pytest.raises(kind):
        ask("get_prompt", "two", version)


@pytest.mark.parametrize("level", [CacheLevel.REDIS, CacheLevel.HYBRID])
def test_a_mirror_that_is_wanted_and_not_there_is_said_at_the_beginning(
    kind: str, sidecar: Sidecar, level: CacheLevel
) -> None:
    ask = ask_with(kind, ClientConfig(socket=sidecar.socket, cache=CacheConfig(level)))
    with pytest.raises(CacheError) as caught:
        ask("initialize")

    assert (caught.value.cache_type, caught.value.retryable) == ("redis", False)
    assert "keeps no mirror in Redis" in str(caught.value)
    assert ask("render_prompt", "greeting", {"name": "Ada"}).rendered_content == "Hello Ada"


@pytest.mark.parametrize(
    ("dependencies", "retryable"),
    [
        pytest.param({"redis": "ok"}, None, id="well"),
        pytest.param({"redis": "Unreachable"}, True, id="away"),
        pytest.param({}, False, id="none"),
    ],
)
def test_how_the_mirror_stands_decides(dependencies: dict[str, str], retryable: bool | None) -> None:
    session = Session(ClientConfig(base_url="http://127.0.0.1:1", cache=CacheConfig(CacheLevel.REDIS)))
    health = Health("healthy", dependencies, 1, None, False)
    caught = None
    try:
        session.check_begun(health)
    except CacheError as error:
        caught = error.retryable

    assert caught == retryable


@pytest.mark.parametrize(
    "changes", [{"ttl": 0}, {"ttl": "5"}, {"max_size": 0}, {"max_size": 1.5}, {"max_size": True}, {"level": "disk"}]
)
def test_a_cache_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"cache.{next(iter(changes))} must be"):
        ClientConfig(cache=CacheConfig(**changes))


def test_a_cache_of_another_size_is_used_from_the_next_render_on(sidecar: Sidecar) -> None:
    with SyncPromptOpsClient(ClientConfig(socket=sidecar.socket, cache=CacheConfig(max_size=1))) as client:
        client.initialize()
        client.render_prompt("two", version="1.1.0")
        small = client.get_cache_stats()
        client.update_config(cache=CacheConfig())
        client.initialize()
        answer = client.render_prompt("two", version="1.1.0")

        usual = client.get_cache_stats()
    assert (small.size, small.max_size, small.evictions, small.hits) == (1, 1, 0, 1)
    assert (usual.size, usual.max_size, usual.hits) == (1, 1000, 2)
    assert answer.rendered_content == "two"


def test_get_model_compatibility(ask: Ask) -> None:
    found = ask("get_model_compatibility", "greeting", "anthropic", "claude-9")

    assert (found.prompt_id, found.version, found.variants, found.variant) == ("greeting", "1.0.0", (), None)


def test_what_came_of_a_render_is_told_once(kind: str, sidecar: Sidecar) -> None:
    ask = ask_with(kind, ClientConfig(socket=sidecar.socket))
    answer = ask("render_prompt", "greeting", {"name": "Ada"})

    told = [ask("send_feedback", answer.render_id, "success", 0.9).counted for _ in range(2)]

    assert told == [True, False]


def test_statistics_are_the_clients_own(sidecar: Sidecar) -> None:
    with SyncPromptOpsClient(socket=sidecar.socket) as client:
        client.render_prompt("greeting", {"name": "Ada"})
        with pytest.raises(PromptNotFoundError):
            client.render_prompt("nobody")
        client.render_prompt("nobody", fallback=WORDS)

        statistics = client.get_stats()

    assert (statistics.total, statistics.succeeded, statistics.failed, statistics.fallbacks) == (3, 1, 2, 1)
    assert statistics.failures == {"PromptNotFound": 2}
    assert statistics.circuit is None


@pytest.mark.parametrize("prompt", [pytest.param("nobody", id="missing"), pytest.param("off", id="disabled")])
def test_a_fallback_stands_in_and_says_so(ask: Ask, prompt: str) -> None:
    answer = ask("render_prompt", prompt, fallback=WORDS)

    assert (answer.rendered_content, answer.source, answer.stale, answer.cache_hit) == (WORDS, "fallback", True, False)
    assert [warning.code for warning in answer.warnings] == ["Fallback"]


def test_a_fallback_may_be_a_chat(ask: Ask) -> None:
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ name }}"}]

    assert ask("render_prompt", "nobody", {"name": "Ada"}, fallback=said).messages == tuple(said)


@pytest.mark.parametrize(
    ("variables", "fallback"),
    [
        pytest.param({"name": 7}, WORDS, id="never for wrong variables"),
        pytest.param({"name": "Ada"}, [{"role": "user"}], id="never when it is none itself"),
        pytest.param({"name": "Ada"}, 7, id="a number"),
    ],
)
def test_a_callers_mistake_is_not_covered_up(ask: Ask, variables: dict[str, Any], fallback: Any) -> None:
    with pytest.raises(ValidationError):
        ask("render_prompt", "greeting", variables, fallback=fallback)


def test_nobody_there_opens_the_circuit_and_the_words_still_stand_in(kind: str) -> None:
    (port,) = free_ports(1)
    config = ClientConfig(
        base_url=f"http://127.0.0.1:{port}",
        retry=RetryConfig(attempts=1),
        breaker=CircuitBreakerConfig(failure_threshold=2),
    )

    def through(client: SyncPromptOpsClient) -> list[str]:
        ended = []
        for _ in range(3):
            with pytest.raises(PromptOpsError) as caught:
                client.render_prompt("greeting")
            ended.append(caught.value.error_code)
        assert client.render_prompt("greeting", fallback=WORDS).rendered_content == WORDS
        assert client.get_stats().circuit is CircuitState.OPEN
        return ended

    async def through_async(client: PromptOpsClient) -> list[str]:
        ended = []
        for _ in range(3):
            with pytest.raises(PromptOpsError) as caught:
                await client.render_prompt("greeting")
            ended.append(caught.value.error_code)
        assert (await client.render_prompt("greeting", fallback=WORDS)).rendered_content == WORDS
        assert (await client.get_stats()).circuit is CircuitState.OPEN
        return ended

    ended = (
        through(SyncPromptOpsClient(config)) if kind == "sync" else asyncio.run(through_async(PromptOpsClient(config)))
    )

    assert ended == ["NetworkError", "NetworkError", "CircuitOpen"]


def test_settings_change_while_running(sidecar: Sidecar) -> None:
    (port,) = free_ports(1)
    with SyncPromptOpsClient(base_url=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(NetworkError):
            client.render_prompt("greeting", {"name": "Ada"})

        client.update_config(socket=sidecar.socket, timeout_seconds=3.0)

        assert client.render_prompt("greeting", {"name": "Ada"}).rendered_content == "Hello Ada"
        assert (client.config.base_url, client.config.timeout_seconds) == (None, 3.0)
        assert client.get_stats().total == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"timeot": 3}, "no such settings: timeot", id="a name that is none"),
        pytest.param({"timeout_seconds": 0}, "timeout_seconds must be", id="a value that cannot be"),
        pytest.param({"retry": 3}, "retry must be a RetryConfig", id="a number of retries"),
        pytest.param(
            {"breaker": CircuitBreakerConfig(failure_threshold=0)}, "breaker.failure_threshold", id="never closed"
        ),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(sidecar: Sidecar, changes: dict[str, Any], says: str) -> None:
    with SyncPromptOpsClient(socket=sidecar.socket) as client:
        before = client.config
        with pytest.raises(ConfigurationError, match=says):
            client.update_config(**changes)

        assert client.config is before
        assert client.render_prompt("greeting", {"name": "Ada"}).rendered_content == "Hello Ada"


def test_initialize_finds_out_before_it_matters(kind: str, sidecar: Sidecar) -> None:
    (port,) = free_ports(1)
    ask_with(kind, ClientConfig(socket=sidecar.socket))("initialize")

    with pytest.raises(NetworkError):
        ask_with(kind, ClientConfig(base_url=f"http://127.0.0.1:{port}"))("initialize")


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        pytest.param(NetworkError("x"), [0.1, 0.2], id="twice as long each time, by chance less"),
        pytest.param(RateLimitError("x", "TooMany", {"retry_after": 3.0}, retryable=True), [3.1, 3.2], id="as long as it is asked to wait"),
        pytest.param(RateLimitError("x", "TooMany", {"retry_after": 99.0}, retryable=True), [], id="not beyond the call's time"),
        pytest.param(ServerError("x", "PromptDisabled"), [], id="an answer that stays"),
        pytest.param(ValidationError("x", "InvalidVariables"), [], id="a mistake"),
        pytest.param(CircuitOpenError(1.0), [], id="an open circuit"),
        pytest.param(TimeoutError("x"), [0.1, 0.2], id="too slow, with time left"),
    ],
)  # fmt: skip
def test_when_a_call_is_made_again(error: PromptOpsError, pauses: list[float]) -> None:
    attempts = Attempts(RetryConfig(3, 0.1, 1.0), 10.0, lambda: 0.0, lambda _, most: most)

    made = [pause for _ in range(5) if (pause := attempts.pause_after(error)) is not None]

    assert made == pytest.approx(pauses)


def test_a_pause_is_by_chance_and_bounded() -> None:
    asked: list[tuple[float, float]] = []

    def draw(least: float, most: float) -> float:
        asked.append((least, most))
        return least

    attempts = Attempts(RetryConfig(6, 0.5, 2.0), 100.0, lambda: 0.0, draw)
    for _ in range(5):
        attempts.pause_after(NetworkError("x"))

    assert asked == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (0.0, 2.0), (0.0, 2.0)]
