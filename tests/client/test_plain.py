"""What users of such clients write is accepted here, call by call; settings are read from plain data."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from dataclasses import replace
from typing import Any

import pytest

from promptops.client import (
    CacheConfig,
    CacheLevel,
    CircuitBreakerConfig,
    ClientConfig,
    ClientStatistics,
    ConfigurationError,
    PromptOpsClient,
    PromptVariables,
    RetryConfig,
    SyncPromptOpsClient,
    TelemetryConfig,
    ValidationError,
)
from tests.client.conftest import Ask
from tests.support.sidecar import Sidecar

SPOKEN: list[tuple[str, tuple[str, ...]]] = [
    ("initialize", ()),
    ("shutdown", ()),
    ("render_prompt", ("prompt_id", "variables", "version", "model_provider", "model_name", "use_cache")),
    ("get_prompt", ("prompt_id", "version")),
    ("list_prompts", ("skip", "limit")),
    ("validate_prompt", ("prompt_id", "version")),
    ("get_model_compatibility", ("prompt_id", "model_provider", "model_name", "version")),
    ("get_stats", ()),
    ("get_cache_stats", ()),
    ("clear_cache", ()),
    ("health_check", ()),
    ("update_config", ("timeout", "api_key", "cache", "telemetry")),
    ("subscribe", ("event_type", "handler")),
]


@pytest.mark.parametrize("client", [SyncPromptOpsClient, PromptOpsClient])
@pytest.mark.parametrize(("method", "arguments"), SPOKEN, ids=[method for method, _ in SPOKEN])
def test_a_call_is_written_as_users_of_such_clients_write_it(
    client: type, method: str, arguments: tuple[str, ...]
) -> None:
    signature = inspect.signature(getattr(client, method))

    assert signature.bind(None, **dict.fromkeys(arguments))


@pytest.mark.parametrize(
    ("said", "is_so"),
    [
        pytest.param({"timeout": 30.0, "api_key": "k"}, {"timeout_seconds": 30.0, "token": "k"}, id="other words"),
        pytest.param({"timeout_seconds": 2.0, "token": "t"}, {"timeout_seconds": 2.0, "token": "t"}, id="our words"),
        pytest.param(
            {"cache": {"level": "hybrid", "ttl": 60, "max_size": 5}},
            {"cache": CacheConfig(CacheLevel.HYBRID, 60, 5)},
            id="a cache",
        ),
        pytest.param({"cache": CacheConfig(level="none")}, {"cache": CacheConfig(CacheLevel.NONE)}, id="a level's word"),  # type: ignore[arg-type]
        pytest.param({"telemetry": {"enabled": False}}, {"telemetry": TelemetryConfig()}, id="telemetry"),
        pytest.param({"retry": {"attempts": 1}}, {"retry": RetryConfig(1)}, id="retries"),
        pytest.param({"breaker": None}, {"breaker": None}, id="no breaker"),
        pytest.param(
            {"breaker": {"failure_threshold": 5, "recovery_timeout": 60}}, {"breaker": CircuitBreakerConfig()}, id="a breaker"
        ),
    ],
)  # fmt: skip
def test_plain_data_says_settings(said: dict[str, Any], is_so: dict[str, Any]) -> None:
    url = "http://127.0.0.1:1"
    expected = ClientConfig(base_url=url, **is_so)
    with SyncPromptOpsClient({"base_url": url, **said}) as made, SyncPromptOpsClient(base_url=url) as changed:
        changed.update_config(said)

        assert [made.config, changed.config] == [expected, expected]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        pytest.param({"timeot": 3}, "there are no such settings: timeot", id="a name that is none"),
        pytest.param({"cache": {"size": 3}}, "there are no such settings: cache.size", id="one within a part"),
        pytest.param({"cache": {"timeout": 3}}, "there are no such settings: cache.timeout", id="one of another part"),
        pytest.param(
            {"cache": {"redis": {"url": "redis://h"}}}, "cache.redis lacks a setting", id="one that is missing"
        ),
        pytest.param({"cache": {"level": "disk"}}, "cache.level must be", id="a level that is none"),
        pytest.param({"cache": "hybrid"}, "cache must be a CacheConfig", id="a part that is none"),
        pytest.param({"timeout": 3, "timeout_seconds": 3}, "are one setting: give it once", id="one of them twice"),
        pytest.param({"timeout": "3"}, "timeout_seconds must be a number", id="a text for a number"),
        pytest.param({3: 4}, "a setting is named by a text", id="a name that is a number"),
    ],
)
def test_plain_data_that_cannot_be_is_refused_and_changes_nothing(said: dict[Any, Any], says: str) -> None:
    url = "http://127.0.0.1:1"
    with pytest.raises(ConfigurationError, match=says):
        SyncPromptOpsClient({"base_url": url, **said})

    with SyncPromptOpsClient(base_url=url) as client:
        before = client.config
        with pytest.raises(ConfigurationError, match=says):
            client.update_config(said)
        assert client.config is before


def test_a_setting_of_another_name_is_told_what_it_is_called_here() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig(api_key="k", timeout=3)  # type: ignore[call-arg]

    assert "api_key is token here, timeout is timeout_seconds here, or use ClientConfig.of" in str(caught.value)
    assert ClientConfig.of(api_key="k", timeout=3) == ClientConfig(token="k", timeout_seconds=3)


def test_settings_are_copied_and_travel_whole() -> None:
    config = ClientConfig(timeout_seconds=3)

    assert [copy.deepcopy(config), pickle.loads(pickle.dumps(config)), replace(config)] == [config] * 3  # noqa: S301


def test_without_the_cache_the_sidecar_is_asked(kind: str, sidecar: Sidecar) -> None:
    ada, config = PromptVariables(name="Ada"), ClientConfig(socket=sidecar.socket)

    def asked(client: SyncPromptOpsClient) -> ClientStatistics:
        client.initialize()
        assert client.render_prompt("greeting", ada, use_cache=False).rendered_content == "Hello Ada"
        return client.get_stats()

    async def asked_async(client: PromptOpsClient) -> ClientStatistics:
        async with client:
            await client.initialize()
            assert (await client.render_prompt("greeting", ada, use_cache=False)).rendered_content == "Hello Ada"
            return await client.get_stats()

    statistics = (
        asked(SyncPromptOpsClient(config)) if kind == "sync" else asyncio.run(asked_async(PromptOpsClient(config)))
    )

    assert (statistics.succeeded, statistics.local) == (1, 0)


@pytest.mark.parametrize(("skip", "limit"), [(0, None), (1, 2), (0, 0), (2, None), (99, 1), (0, 99)])
def test_a_list_comes_in_pages(ask: Ask, skip: int, limit: int | None) -> None:
    everything = ask("list_prompts")

    assert ask("list_prompts", skip=skip, limit=limit) == everything[skip:][:limit]


@pytest.mark.parametrize("wrong", [{"skip": -1}, {"limit": -1}, {"limit": 1.5}, {"skip": True}])
def test_a_page_that_cannot_be(ask: Ask, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must be a whole number"):
        ask("list_prompts", **wrong)


def test_a_validation_is_true_when_it_is_valid(ask: Ask) -> None:
    assert ask("validate_prompt", "greeting", {"name": "Ada"})
    assert not ask("validate_prompt", "greeting", {"nmae": "Ada"})
    assert ask("validate_prompt", "two", version="1.1.0")
    assert ask("get_model_compatibility", "two", "openai", "gpt-9", version="1.1.0").version == "1.1.0"
