"""The sidecar that applications test with: its clients are the real ones, and it answers as a real one does."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from promptops.client import (
    ClientConfig,
    NetworkError,
    PromptOpsError,
    RenderItem,
    RenderResponse,
    RetryConfig,
    SyncPromptOpsClient,
)
from promptops.client.testing import FakeSidecar
from promptops.rendering.errors import InvalidSpec
from tests.support.sidecar import Sidecar

pytest_plugins = ["pytester"]
GREETING: dict[str, Any] = {"text": "Hello {{ name }}", "variables": ["name"]}
VOLATILE = {"render_id": "", "processing_time_ms": 0.0, "digest": "", "age_seconds": 0.0}


@pytest.fixture
def fake() -> FakeSidecar:
    """The prompts of the real sidecar beside it, as far as they are compared."""
    return (
        FakeSidecar()
        .add("greeting", **GREETING)
        .add("slash", "x", prompt_id="team/slash.v1")
        .add("route", "ends in a route", prompt_id="team/render")
        .add("off", "off", disabled=True)
    )


def ended(client: SyncPromptOpsClient, prompt: str, variables: dict[str, Any], **options: Any) -> Any:
    """How a render ends, without what is never twice the same."""
    try:
        answer = client.render_prompt(prompt, variables, **options)
    except PromptOpsError as error:
        return type(error), error.error_code, str(error), {**error.details}
    return msgspec.structs.replace(answer, **VOLATILE)


@pytest.mark.parametrize(
    ("prompt", "variables", "options"),
    [
        pytest.param("greeting", {"name": "Ada"}, {}, id="a text"),
        pytest.param("greeting", {"name": 7}, {}, id="a variable of another type"),
        pytest.param("greeting", {}, {}, id="a variable missing"),
        pytest.param("greeting", {"name": "a", "x": 1}, {}, id="a variable that nobody declared"),
        pytest.param("greeting", {"name": "a", "x": 1}, {"strict": True}, id="the same, strictly"),
        pytest.param("greeting", {"name": "a"}, {"version": "9.9.9"}, id="a version that is not held"),
        pytest.param("greeting", {"name": "a"}, {"format": "openai", "model_name": "m"}, id="a provider's form"),
        pytest.param("greeting", {"name": "a"}, {"format": "opena"}, id="a form that is none"),
        pytest.param("greeting", {"name": "\x00"}, {}, id="a control character"),
        pytest.param("team/slash.v1", {}, {}, id="an id with a slash"),
        pytest.param("team/render", {}, {}, id="an id that ends like a route"),
        pytest.param("off", {}, {}, id="disabled"),
    ],
)
def test_it_answers_as_a_real_one(
    fake: FakeSidecar, sidecar: Sidecar, prompt: str, variables: dict[str, Any], options: dict[str, Any]
) -> None:
    with SyncPromptOpsClient(socket=sidecar.socket) as real:
        expected = ended(real, prompt, variables, **options)

    assert ended(fake.client(), prompt, variables, **options) == expected


def test_another_version_is_served_from_then_on(fake: FakeSidecar) -> None:
    client = fake.client()
    fake.add("greeting", "Good day {{ name }}", variables=["name"], version="1.1.0")

    assert client.render_prompt("greeting", {"name": "Ada"}).rendered_content == "Good day Ada"
    assert client.render_prompt("greeting", {"name": "Ada"}, version="1.0.0").rendered_content == "Hello Ada"


def test_both_clients_ask_for_everything(fake: FakeSidecar) -> None:
    async def ask() -> tuple[Any, ...]:
        async with fake.async_client() as client:
            good, bad = await client.render_batch([RenderItem("greeting", {"name": "Ada"}), RenderItem("nobody")])
            assert isinstance(good, RenderResponse)
            assert isinstance(bad, PromptOpsError)
            told = await client.send_feedback(good.render_id, "success")
            return (
                (await client.list_prompts()),
                (await client.get_prompt("greeting")),
                (await client.health_check()),
                told,
            )

    prompts, prompt, health, told = asyncio.run(ask())

    assert [each.name for each in prompts] == ["greeting", "off", "route", "slash"]
    assert (prompt.version, health.status, told.counted) == ("1.0.0", "healthy", True)


def test_a_failure_is_had_on_purpose(fake: FakeSidecar) -> None:
    client = fake.client(ClientConfig(base_url="http://fake.invalid", retry=RetryConfig(2, 0.001, 0.001)))
    fake.fail("greeting", NetworkError("gone"))

    with pytest.raises(NetworkError):
        client.render_prompt("greeting", {"name": "Ada"})
    assert client.render_prompt("greeting", {"name": "Ada"}, fallback="Hi").source == "fallback"
    fake.fail("greeting", None)
    assert client.render_prompt("greeting", {"name": "Ada"}).rendered_content == "Hello Ada"
    assert client.get_stats().retries == 2


def test_what_was_rendered_is_asserted(fake: FakeSidecar) -> None:
    fake.client().render_prompt("greeting", {"name": "Ada"})

    assert fake.assert_rendered("greeting", name="Ada").text == "Hello Ada"
    with pytest.raises(
        AssertionError, match=r"greeting was not rendered with \{'name': 'Bob'\}; asked for was: greeting"
    ):
        fake.assert_rendered("greeting", name="Bob")


def test_content_that_could_never_be_served_is_refused_where_it_is_written() -> None:
    with pytest.raises(InvalidSpec):
        FakeSidecar().add("greeting", "Hello {{ name", variables=["name"])


def test_the_fixture_is_there_for_whoever_asks(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    # What else is installed here brings plugins of its own, which take longer to load than the test to run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest('pytest_plugins = ["promptops.client.testing.plugin"]')
    pytester.makepyfile(
        """
        def test_greets(promptops_sidecar):
            promptops_sidecar.add("greeting", "Hello {{ name }}", variables=["name"])
            answer = promptops_sidecar.client().render_prompt("greeting", {"name": "Ada"})
            assert answer.rendered_content == "Hello Ada"
        """
    )

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
