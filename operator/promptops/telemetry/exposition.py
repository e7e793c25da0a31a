"""What a registry holds: a scrape, off the loop that renders - thousands of series take a third of a second to write down -
and what each metric is, for whoever documents it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

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
            writing = asyncio.get_running_loop().run_in_executor(self._thread, self._written, encode)
            self._writing[content_type] = writing
            writing.add_done_callback(lambda _: self._writing.pop(content_type, None))
        # Shielded: one scraper that hangs up must not fail the others.
        return await asyncio.shield(writing), content_type

    def _written(self, encode: Callable[[CollectorRegistry], bytes]) -> bytes:
        # What a scrape makes is gone with it; looking for garbage among it holds the loop for as long as that takes.
        gc.disable()
        try:
            return encode(self._registry)
        finally:
            gc.enable()


@dataclass(frozen=True)
class Description:
    """One metric."""

    name: str
    """As it is scraped."""
    kind: str
    """counter, gauge, histogram …"""
    meaning: str


def described(metrics: Callable[[CollectorRegistry], object]) -> tuple[Description, ...]:
    """Return what a role's metrics are, by name."""
    registry = CollectorRegistry()
    metrics(registry)
    families = sorted(registry.collect(), key=lambda family: family.name)
    return tuple(
        Description(f"{each.name}_total" if each.type == "counter" else each.name, each.type, each.documentation)
        for each in families
    )
