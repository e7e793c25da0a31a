"""What an application's own OpenTelemetry is told of renders: every one of them, by its prompt, and nothing that anybody wrote."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from promptops.client import (
    ClientConfig,
    ConfigurationError,
    PromptOpsClient,
    PromptOpsError,
    RenderItem,
    SyncPromptOpsClient,
    TelemetryConfig,
    TelemetryError,
)
from promptops.client.exchange import question
from promptops.client.testing import FakeSidecar
from tests.support.sidecar import ROOT, Sidecar

CANARY = "canary-5c1d"


class Told:
    """Providers as an application sets them up, and what they were told."""

    def __init__(self, sample_rate: float = 1.0) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.config = TelemetryConfig(True, sample_rate, self.tracers, MeterProvider((self._reader,)))

    def spans(self) -> list[dict[str, Any]]:
        return [
            {"name": each.name, "status": each.status.status_code, **dict(each.attributes or {})}
            for each in self._spans.get_finished_spans()
        ]

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        data: Any = self._reader.get_metrics_data()
        metrics = [each for part in data.resource_metrics for scope in part.scope_metrics for each in scope.metrics]
        found = [point for each in metrics if each.name == name for point in each.data.data_points]
        return [(dict(each.attributes), getattr(each, "value", None) or each.count) for each in found]

    def text(self) -> str:
        """Everything there is, to look for what may not be there."""
        return f"{[each.to_json() for each in self._spans.get_finished_spans()]} {self._reader.get_metrics_data()}"


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_render_in_the_process_is_told(told: Told, sidecar: Sidecar) -> None:
    with SyncPromptOpsClient(ClientConfig(socket=sidecar.socket, telemetry=told.config)) as client:
        client.initialize()
        answer = client.render_prompt("greeting", {"name": "Ada"})
        client.render_prompt("greeting", {"name": "Ada"})

        assert client.get_stats().local == 2
    first, second = told.spans()
    assert first == second
    assert first == {
        "name": "promptops.render",
        "status": StatusCode.UNSET,
        "prompt.id": "greeting",
        "operation.type": "render",
        "success": True,
        "gen_ai.prompt.name": "greeting",
        "gen_ai.prompt.version": "1.0.0",
        "promptops.prompt.digest": answer.digest,
    }
    labels = {"prompt.id": "greeting", "operation.type": "render"}
    assert told.points("promptops.prompts.processed") == [({**labels, "success": True}, 2)]
    assert told.points("promptops.prompt.duration") == [(labels, 2)]


def test_a_batch_is_one_span_and_each_of_its_items_is_counted(told: Told, sidecar: Sidecar) -> None:
    items = [RenderItem("greeting", {"name": "Ada"}), RenderItem(CANARY), RenderItem("greeting", {"name": CANARY})]
    with SyncPromptOpsClient(ClientConfig(socket=sidecar.socket, telemetry=told.config)) as client:
        client.render_batch(items)

    labels = {"operation.type": "batch"}
    assert told.spans() == [
        {
            "name": "promptops.batch",
            "status": StatusCode.UNSET,
            **labels,
            "success": True,
            "batch.items": 3,
            "batch.failed": 1,
        }
    ]
    assert told.points("promptops.prompts.processed") == [
        ({"prompt.id": "greeting", **labels, "success": True}, 2),
        ({"prompt.id": "", **labels, "success": False}, 1),
    ]
    assert told.points("promptops.prompt.duration") == [({"prompt.id": "", **labels}, 1)]
    assert CANARY not in told.text()


async def test_a_batch_that_fails_as_a_whole_counts_once(told: Told, sidecar: Sidecar) -> None:
    async with PromptOpsClient(ClientConfig(socket=sidecar.socket, telemetry=told.config)) as client:
        with pytest.raises(PromptOpsError):
            await client.render_batch([RenderItem("greeting", {"name": "Ada"})] * 101)

    span = told.spans()[-1]
    assert (span["name"], span["success"], span["error.message"]) == ("promptops.batch", False, "InvalidRequest")
    labels = {"prompt.id": "", "operation.type": "batch", "success": False}
    assert told.points("promptops.prompts.processed") == [(labels, 1)]


@pytest.mark.parametrize(
    ("prompt_id", "variables", "code", "named"),
    [
        pytest.param("greeting", {}, "InvalidVariables", "greeting", id="a variable is missing"),
        pytest.param("nobody", {}, "PromptNotFound", "", id="no such prompt"),
        pytest.param("no id\n" + CANARY, {}, "InvalidRequest", "", id="no id"),
        pytest.param(None, {}, "InvalidRequest", "", id="nothing"),
        pytest.param(["greeting"], {}, "InvalidRequest", "", id="what cannot be hashed"),
        pytest.param("greeting", {"name": {CANARY}}, "InvalidRequest", "greeting", id="no JSON"),
    ],
)
def test_a_render_that_fails_is_told_by_its_code(
    told: Told, prompt_id: Any, variables: Any, code: str, named: str
) -> None:
    client = _client(told)
    client.render_prompt("greeting", {"name": "Ada"})
    with pytest.raises(PromptOpsError):
        client.render_prompt(prompt_id, variables)

    span = told.spans()[-1]
    assert (span["success"], span["error.message"], span["status"]) == (False, code, StatusCode.ERROR)
    assert [labels["prompt.id"] for labels, _ in told.points("promptops.prompts.processed")][-1] == named
    assert CANARY not in told.text()


def test_labels_are_bounded_whatever_callers_ask_for(told: Told) -> None:
    client = _client(told)
    for number in range(100):
        client.render_prompt(f"made-up-{number}", fallback=CANARY)

    assert [labels["prompt.id"] for labels, _ in told.points("promptops.prompts.processed")] == [""]
    assert told.spans()[0]["error.message"] == "Fallback"
    assert CANARY not in told.text()


@pytest.mark.parametrize(("rate", "spans"), [(0.0, 0), (0, 0), (1, 20)])
def test_all_are_counted_and_a_share_gets_a_span(rate: float, spans: int) -> None:
    told = Told(rate)
    client = _client(told)
    for _ in range(20):
        client.render_prompt("greeting", {"name": "Ada"})

    assert len(told.spans()) == spans
    assert [many for _, many in told.points("promptops.prompts.processed")] == [20]


async def test_what_a_sidecar_is_asked_belongs_to_the_span_of_its_render(told: Told) -> None:
    asked: list[bytes] = []
    client: Any = FakeSidecar().async_client(ClientConfig(base_url="http://127.0.0.1:1", telemetry=told.config))
    answer = client._fake

    def noting(call: Any) -> Any:
        asked.append(question("h", "POST", "/", None, "1").data)
        return answer(call)

    client._fake = noting
    for _ in range(2):
        with pytest.raises(PromptOpsError):
            await client.render_prompt("nobody")
    with told.tracers.get_tracer("application").start_as_current_span("mine"):
        await asyncio.gather(*(client.render_prompt("nobody", fallback="x") for _ in range(2)))

    renders = [each for each in told._spans.get_finished_spans() if each.name == "promptops.render"]
    (mine,) = [each for each in told._spans.get_finished_spans() if each.name == "mine"]
    assert len({each.context.trace_id for each in renders}) == 3
    assert [each.parent.span_id if each.parent else 0 for each in renders[2:]] == [mine.context.span_id] * 2
    assert sum(f"{each.context.span_id:016x}".encode() in data for each in renders for data in asked) == 4


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        pytest.param(lambda: TelemetryConfig(True, tracer_provider=object()), TelemetryError, "none of OpenTelemetry's", id="no provider of spans"),
        pytest.param(lambda: TelemetryConfig(True, meter_provider=object()), TelemetryError, "none of OpenTelemetry's", id="no provider of metrics"),
        pytest.param(lambda: TelemetryConfig(True, 1.5), ConfigurationError, "from 0 to 1", id="more than all"),
        pytest.param(lambda: TelemetryConfig(True, float("nan")), ConfigurationError, "from 0 to 1", id="no share"),
        pytest.param(lambda: TelemetryConfig(True, "half"), ConfigurationError, "from 0 to 1", id="a word"),  # type: ignore[arg-type]
        pytest.param(lambda: TelemetryConfig("yes"), ConfigurationError, "telemetry.enabled must be a bool", id="a word for yes"),  # type: ignore[arg-type]
        pytest.param(lambda: True, ConfigurationError, "telemetry must be a TelemetryConfig", id="no configuration"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_said_when_a_client_is_made_or_changed(
    make: Callable[[], Any], kind: type[PromptOpsError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        SyncPromptOpsClient(ClientConfig(base_url="http://127.0.0.1:1", telemetry=make()))
    client = SyncPromptOpsClient(base_url="http://127.0.0.1:1")
    before = client.config
    with pytest.raises(kind, match=message):
        client.update_config(telemetry=make())

    assert client.config == before


def test_telemetry_begins_and_ends_while_running(told: Told) -> None:
    client = _client(told)
    client.update_config(telemetry=TelemetryConfig())
    client.render_prompt("greeting", {"name": "Ada"})
    client.update_config(telemetry=told.config)
    client.render_prompt("greeting", {"name": "Ada"})

    assert len(told.spans()) == 1


def test_without_the_package_it_is_said_and_nothing_else_needs_it() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from promptops.client import ClientConfig, SyncPromptOpsClient, TelemetryConfig, TelemetryError
SyncPromptOpsClient(ClientConfig(base_url="http://127.0.0.1:1")).close()
try:
    SyncPromptOpsClient(ClientConfig(base_url="http://127.0.0.1:1", telemetry=TelemetryConfig(enabled=True)))
except TelemetryError as error:
    print(error.error_code, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("TelemetryUnavailable telemetry is enabled, and the package opentelemetry-api is not")


def _client(told: Told) -> SyncPromptOpsClient:
    fake = FakeSidecar().add("greeting", "Hello {{ name }}", variables=["name"])
    return fake.client(ClientConfig(base_url="http://127.0.0.1:1", telemetry=told.config))
