"""The client for asyncio."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from promptops.api.http import Health, PromptDetail, PromptSummary, RenderResponse
from promptops.client import codec
from promptops.client.codec import Answer, Call
from promptops.client.config import ClientConfig


class PromptOpsClient:
    """Renders prompts through the sidecar.

        async with PromptOpsClient() as client:
            answer = await client.render_prompt("greeting", variables={"name": "Ada"})

    Every call raises PromptOpsError or one of its kinds, nothing else.
    """

    def __init__(
        self,
        config: ClientConfig | None = None,
        /,
        *,
        socket: str | Path | None = None,
        base_url: str | None = None,
    ) -> None:
        self.config = config or ClientConfig(socket=socket, base_url=base_url)
        unix, self._url = self.config.place()
        self._place = unix or self._url
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=unix,
                limits=httpx.Limits(
                    max_connections=self.config.max_connections,
                    max_keepalive_connections=self.config.max_connections,
                ),
            ),
            base_url=self._url,
            timeout=self.config.timeout_seconds,
            # The sidecar is next door: no proxy of the environment may come in between.
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def render_prompt(
        self,
        prompt_id: str,
        /,
        *,
        variables: Mapping[str, Any] | None = None,
        version: str | None = None,
        strict: bool = False,
    ) -> RenderResponse:
        """Render a prompt: its active version, or the one of that number.

        With `strict` a variable that nobody declared is an error instead of a warning.
        """
        return await self._answer(codec.render_call(prompt_id, variables, version, strict))

    async def get_prompt(self, prompt_id: str, /) -> PromptDetail:
        """Return a prompt with the content of its active version."""
        return await self._answer(codec.prompt_call(prompt_id))

    async def list_prompts(self) -> tuple[PromptSummary, ...]:
        """Return every prompt that can be rendered, sorted by name."""
        return (await self._answer(codec.list_call())).prompts

    async def health_check(self) -> Health:
        """Return how the sidecar and what it depends on stand."""
        return await self._answer(codec.health_call())

    async def _answer(self, call: Call[Answer]) -> Answer:
        try:
            response = await self._http.request(call.method, call.path, content=call.body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise codec.error_of_transport(error, self._place) from error
        return codec.read(call, response)
