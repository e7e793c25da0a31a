"""A scrape, off the loop that renders: thousands of series take a third of a second to write down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


class Exposition:
    """Writes a registry down in a thread, once for everybody who asks meanwhile."""

    def __init__(self, registry: CollectorRegistry, observe: Callable[[], None]) -> None:
        """`observe` is called in the loop before each scrape, to bring gauges up to date."""
        self._registry = registry
        self._observe = observe
        # Its own thread: a disk that hangs may hold every thread that the loop shares out.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        self._writing: dict[str, asyncio.Future[bytes]] = {}

    async def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return everything in a format that the Accept header takes, and the format's content type."""
        encode, content_type = choose_encoder(accept)
        writing = self._writing.get(content_type)
        if writing is None:
            self._observe()
            writing = asyncio.get_running_loop().run_in_executor(self._thread, encode, self._registry)
            self._writing[content_type] = writing
            writing.add_done_callback(lambda _: self._writing.pop(content_type, None))
        # Shielded: one scraper that hangs up must not fail the others.
        return await asyncio.shield(writing), content_type
