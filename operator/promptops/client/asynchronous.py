"""The client for asyncio."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from promptops.api.http import Health, PromptDetail, PromptSummary, RenderResponse
from promptops.client import codec
from promptops.client.async_transport import AsyncTransport
from promptops.client.codec import Answer, Call
from promptops.client.config import ClientConfig, settled
from promptops.client.errors import ClientClosedError
from promptops.client.occasional import Occasional

_HAS_READINESS: Final = sys.platform != "win32"
"""Windows' event loop tells when an operation ended, not when one can begin."""


class PromptOpsClient:
    """Renders prompts through the sidecar.

        async with PromptOpsClient() as client:
            answer = await client.render_prompt("greeting", {"name": "Ada"})

    Where the sidecar is: `socket` or `base_url`, else PROMPTOPS_SOCKET or PROMPTOPS_URL, else its own defaults. The
    client may be made before a fork and used in every child, in one event loop after another and in several threads after it.
    Everything here, making it included, raises PromptOpsError or one of its kinds, nothing else.
    """

    def __init__(
        self,
        config: ClientConfig | None = None,
        /,
        *,
        socket: str | Path | None = None,
        base_url: str | None = None,
    ) -> None:
        self.config = settled(config, socket, base_url)
        self._place = self.config.place()
        self._hot = AsyncTransport(self._place, self.config.max_connections)
        self._occasional = Occasional(self._place, self.config.timeout_seconds)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; a call on its way still gets its answer."""
        self._closed = True
        self._hot.close()

    async def render_prompt(
        self,
        prompt_id: str,
        variables: Mapping[str, Any] | None = None,
        *,
        version: str | None = None,
        strict: bool = False,
        model_provider: str | None = None,
        model_name: str | None = None,
        format: str | None = None,
        prefix_cache: bool = False,
    ) -> RenderResponse:
        """Render a prompt: its active version, or the one of that number.

        With `strict` a variable that nobody declared is an error instead of a warning. The model chooses among the
        version's variants; with a `format`, as in `openai` or `anthropic`, the answer's `payload` is that provider's own
        request, with `prefix_cache` marked for its prefix cache.
        """
        model = codec.ForModel(model_provider, model_name, format, prefix_cache)
        return await self._answer(codec.render_call(prompt_id, variables, version, strict, model))

    async def get_prompt(self, prompt_id: str) -> PromptDetail:
        """Return a prompt with the content of its active version."""
        return await self._answer(codec.prompt_call(prompt_id))

    async def list_prompts(self) -> tuple[PromptSummary, ...]:
        """Return every prompt that can be rendered, sorted by name."""
        return (await self._answer(codec.list_call())).prompts

    async def health_check(self) -> Health:
        """Return how the sidecar and what it depends on stand."""
        return await self._answer(codec.health_call())

    async def _answer(self, call: Call[Answer]) -> Answer:
        if self._closed:
            raise ClientClosedError
        if self._place.tls or not call.is_hot or not _HAS_READINESS:
            return codec.read(call, await self._occasional.ask_async(call))
        try:
            response = await self._hot.ask(call.question(self._place), self.config.timeout_seconds)
        except codec.FAILURES as failure:
            raise codec.error_of_failure(failure, self._place) from failure
        return codec.read(call, response)
