"""Spans of an application say which prompt they used: name, version, digest, and nothing that it says."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from promptops.client.exchange import question
from promptops.client.testing import FakeSidecar
from promptops.client.tracing import PromptSpanProcessor, used


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exported: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(PromptSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return provider.get_tracer("application")


@pytest.fixture
def fake() -> FakeSidecar:
    return FakeSidecar().add("greeting", "Hello canary {{ name }}", variables=["name"])


def test_spans_of_a_block_say_which_prompt_they_use(
    fake: FakeSidecar, tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    answer = fake.client().render_prompt("greeting", {"name": "canary"})

    with used(answer), tracer.start_as_current_span("chat"), tracer.start_as_current_span("retry"):
        pass
    with tracer.start_as_current_span("afterwards"):
        pass

    said = {span.name: dict(span.attributes or {}) for span in exported.get_finished_spans()}
    expected = {
        "gen_ai.prompt.name": "greeting",
        "gen_ai.prompt.version": answer.version,
        "promptops.prompt.digest": answer.digest,
    }
    assert said == {"chat": expected, "retry": expected, "afterwards": {}}


async def test_tasks_that_use_different_prompts_do_not_meet(
    fake: FakeSidecar, tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    client = fake.add("other", "x").client()
    answers = [client.render_prompt("greeting", {"name": "a"}), client.render_prompt("other")]
    both = asyncio.Barrier(2)

    async def call(number: int) -> None:
        with used(answers[number]):
            await both.wait()
            with tracer.start_as_current_span(f"call {number}"):
                await both.wait()

    await asyncio.gather(call(0), call(1))

    said = {span.name: (span.attributes or {})["gen_ai.prompt.name"] for span in exported.get_finished_spans()}
    assert said == {"call 0": "greeting", "call 1": "other"}


def test_the_applications_own_words_have_no_version(
    fake: FakeSidecar, tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    answer = fake.client().render_prompt("missing", fallback="own words")

    with used(answer), tracer.start_as_current_span("chat"):
        pass

    [span] = exported.get_finished_spans()
    assert dict(span.attributes or {}) == {"gen_ai.prompt.name": "missing"}


def test_a_call_says_in_which_trace_it_is(tracer: Tracer) -> None:
    outside = question("localhost", "GET", "/v1/health", None, "id").data

    with tracer.start_as_current_span("call") as span:
        inside = question("localhost", "GET", "/v1/health", None, "id").data

    context = span.get_span_context()
    said = f"traceparent: 00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}\r\n".encode()
    assert inside.replace(said, b"") == outside
    assert said in inside
