"""A real sidecar, and both clients on it by one set of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from promptops.client import CacheConfig, CacheLevel, ClientConfig, PromptOpsClient, SyncPromptOpsClient
from tests.support.manifests import manifest, sourced, version
from tests.support.sidecar import Sidecar, sidecars, write

Ask = Callable[..., Any]
"""Calls a method of a client by name."""


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar over prompts that no test changes."""
    directory = tmp_path_factory.mktemp("prompts")
    count = {"name": "count", "type": "integer"}
    write(
        directory / "prompts.yaml",
        sourced("greeting", {"text": "Hello {{ name }}", "variables": [{"name": "name", "type": "string"}]}),
        sourced("typed", {"text": "{{ count }} {{ self }}", "variables": [count, {"name": "self", "type": "string"}]}),
        sourced("anything", {"text": "{{ v | tojson }}", "variables": [{"name": "v", "type": "list"}]}),
        sourced("slash", {"text": "x"}, promptId="team/slash.v1"),
        sourced("route", {"text": "ends in a route"}, promptId="team/render"),
        sourced("off", {"text": "off"}, disabled=True),
        manifest("Prompt", "two", activeVersion="1.0.0"),
        version("two", "1.0.0", {"text": "one"}),
        version("two", "1.1.0", {"text": "two"}),
    )
    for start in sidecars():
        yield start(directory)


def ask_with(kind: str, config: ClientConfig, *, initialized: bool = False) -> Ask:
    """Return what asks through a new client of the kind; `initialized`: once what the sidecar serves is held by it."""

    def through_sync(method: str, *arguments: Any, **options: Any) -> Any:
        with SyncPromptOpsClient(config) as client:
            if initialized:
                client.initialize()
            return getattr(client, method)(*arguments, **options)

    async def call(method: str, *arguments: Any, **options: Any) -> Any:
        async with PromptOpsClient(config) as client:
            if initialized:
                await client.initialize()
            return await getattr(client, method)(*arguments, **options)

    def through_async(method: str, *arguments: Any, **options: Any) -> Any:
        return asyncio.run(call(method, *arguments, **options))

    return through_sync if kind == "sync" else through_async


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two clients."""
    return str(request.param)


CALLS = CacheConfig(CacheLevel.NONE)
"""Ask the sidecar each time."""


@pytest.fixture(params=["socket", "url", "process"])
def ask(request: pytest.FixtureRequest, kind: str, sidecar: Sidecar) -> Ask:
    """Each client over each way to the sidecar, and rendering by itself."""
    config = {
        "socket": ClientConfig(socket=sidecar.socket, cache=CALLS),
        "url": ClientConfig(base_url=sidecar.url),
        "process": ClientConfig(socket=sidecar.socket),
    }[request.param]
    return ask_with(kind, config, initialized=request.param == "process")
