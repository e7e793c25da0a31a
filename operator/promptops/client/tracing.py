"""Which prompt a call of a model was made with, on the application's own spans: cost and quality can then be told by version.

    provider.add_span_processor(PromptSpanProcessor())
    answer = await client.render_prompt("greeting", variables={"name": "Ada"})
    with used(answer):
        await model.messages.create(**answer.payload)

Every span that begins inside the block has `gen_ai.prompt.name`, `gen_ai.prompt.version` and `promptops.prompt.digest`, whoever
begins it. No text and no value. Needs the package opentelemetry-sdk, which an application that traces has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from promptops.api.http import RenderResponse

_USED: ContextVar[RenderResponse | None] = ContextVar("promptops_used", default=None)


@contextmanager
def used(answer: RenderResponse) -> Iterator[RenderResponse]:
    """Have the spans that begin in the block say that they use this answer. Holds for the task or thread that is in it."""
    token = _USED.set(answer)
    try:
        yield answer
    finally:
        _USED.reset(token)


class PromptSpanProcessor(SpanProcessor):
    """Says on a span which prompt is used where it begins."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Say it; an answer of the application's own words has neither version nor digest."""
        answer = _USED.get()
        if answer is None:
            return
        span.set_attribute("gen_ai.prompt.name", answer.prompt_id)
        if answer.version:
            span.set_attribute("gen_ai.prompt.version", answer.version)
            span.set_attribute("promptops.prompt.digest", answer.digest)

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing is left to say."""

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held."""
        return True
