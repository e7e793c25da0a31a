"""Renders as OpenTelemetry sees them: a span in the caller's own trace, a counter and a histogram, sent by OTLP over HTTP.

Nothing that an author or a caller wrote stands in them: ids, versions, digests and codes. Off unless an endpoint is set.
"""

from __future__ import annotations

import threading
import time
from importlib.metadata import version
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from promptops.telemetry.rendered import RenderTrace

METRICS_SECONDS: Final = 10.0
EXPORT_SECONDS: Final = 5.0
"""So long the collector may take; what it does not take in time is dropped."""
LAST_WORDS_SECONDS: Final = 2.0
"""So long an ending process waits for it."""
_SCOPE: Final = "promptops"


class Tracing:
    """Sends in threads of its own, from bounded queues: a collector that hangs or is away costs what is told, and nothing else."""

    def __init__(self, endpoint: str, instance: str) -> None:
        """`endpoint`: of the collector, as in http://collector:4318."""
        resource = Resource.create({"service.name": "promptops-sidecar", "service.instance.id": instance})
        spans = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_SECONDS)
        metrics = OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=EXPORT_SECONDS)
        reader = PeriodicExportingMetricReader(metrics, METRICS_SECONDS * 1000, EXPORT_SECONDS * 1000)
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(spans))
        self._metrics = MeterProvider((reader,), resource=resource, shutdown_on_exit=False)
        self._tracer = self._traces.get_tracer(_SCOPE, version("promptops"))
        meter = self._metrics.get_meter(_SCOPE, version("promptops"))
        self._processed = meter.create_counter(
            "promptops.prompts.processed", description="Renders, by prompt and success."
        )
        self._duration = meter.create_histogram(
            "promptops.prompt.duration", unit="ms", description="Time from a parsed request to its answer."
        )
        self._propagator = TraceContextTextMapPropagator()

    def rendered(self, render: RenderTrace, traceparent: str, tracestate: str) -> None:
        """Count a render, and give it a span when its caller has a trace that is recorded."""
        success = render.code is None
        self._processed.add(1, {"prompt.id": render.prompt, "operation.type": "render", "success": success})
        if success:
            self._duration.record(render.milliseconds, {"prompt.id": render.prompt, "operation.type": "render"})
        if traceparent and (context := self._caller(traceparent, tracestate)) is not None:
            self._span(render, context)

    def close(self) -> None:
        """Send what is left, if the collector takes it soon."""
        last_words = threading.Thread(target=self._shut_down, daemon=True)
        last_words.start()
        last_words.join(LAST_WORDS_SECONDS)

    def _caller(self, traceparent: str, tracestate: str) -> Context | None:
        carrier = {"traceparent": traceparent, **({"tracestate": tracestate} if tracestate else {})}
        context = self._propagator.extract(carrier, Context())
        span = get_current_span(context).get_span_context()
        return context if span.is_valid and span.trace_flags.sampled else None

    def _span(self, render: RenderTrace, context: Context) -> None:
        ended = time.time_ns()
        attributes: dict[str, str | bool] = {
            "prompt.id": render.prompt or render.prompt_id,
            "operation.type": "render",
            "success": render.code is None,
            **({"gen_ai.prompt.name": render.prompt} if render.prompt else {}),
            **({"gen_ai.prompt.version": render.version} if render.version is not None else {}),
            **({"promptops.prompt.digest": render.digest} if render.digest is not None else {}),
            **({"error.message": render.code} if render.code is not None else {}),
        }
        span = self._tracer.start_span(
            "promptops.render",
            context,
            SpanKind.SERVER,
            attributes,
            start_time=ended - int(render.milliseconds * 1e6),
        )
        if render.code is not None:
            span.set_status(Status(StatusCode.ERROR, render.code))
        span.end(ended)

    def _shut_down(self) -> None:
        self._traces.shutdown()
        self._metrics.shutdown(LAST_WORDS_SECONDS * 1000)
