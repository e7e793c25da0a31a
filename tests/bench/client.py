"""What a render costs an application: our client beside httpx kept open, asked the same of the same sidecar in turns.

Prints the middle and the 99th percentile in microseconds, the ratio to the rival, and what importing either costs.
    python tests/bench/client.py [--calls 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from promptops.client import ClientConfig, PromptOpsClient, SyncPromptOpsClient
from tests.support.manifests import sourced
from tests.support.sidecar import ROOT, Sidecar, sidecars, write

BODY = json.dumps({"variables": {"name": "Ada"}}).encode()
TEXT = "Hello {{ name }}, this is a prompt. " + "words and words " * 30
TURN = 100
"""Calls in a row before the other one has its turn: what disturbs the machine disturbs both."""
PATH = "/v1/prompts/greeting/render"

Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]


def timed(calls: tuple[Call, Call], count: int) -> list[list[float]]:
    """Return the seconds of each call, by caller."""
    seconds: list[list[float]] = [[], []]
    for _ in range(count // TURN):
        for call, taken in zip(calls, seconds, strict=True):
            for _ in range(TURN):
                begun = time.perf_counter()
                call()
                taken.append(time.perf_counter() - begun)
    return seconds


async def timed_async(calls: tuple[AsyncCall, AsyncCall], count: int) -> list[list[float]]:
    """Return the same of calls that are awaited."""
    seconds: list[list[float]] = [[], []]
    for _ in range(count // TURN):
        for call, taken in zip(calls, seconds, strict=True):
            for _ in range(TURN):
                begun = time.perf_counter()
                await call()
                taken.append(time.perf_counter() - begun)
    return seconds


def show(what: str, seconds: list[list[float]]) -> None:
    """Print one line."""
    (ours, ours99), (rival, rival99) = (
        (statistics.median(taken) * 1e6, statistics.quantiles(taken, n=100)[98] * 1e6) for taken in seconds
    )
    print(f"{what:<16} {ours:>8.0f} {ours99:>8.0f} {rival:>8.0f} {rival99:>8.0f} {rival / ours:>7.1f}x")


def sync_calls(sidecar: Sidecar, config: ClientConfig, uds: str | None, count: int) -> list[list[float]]:
    """Time the threads' client."""
    transport = httpx.HTTPTransport(uds=uds)
    with SyncPromptOpsClient(config) as client, httpx.Client(transport=transport, base_url=sidecar.url) as rival:
        calls = (
            lambda: client.render_prompt("greeting", {"name": "Ada"}),
            lambda: rival.post(PATH, content=BODY).json(),
        )
        return timed(calls, count)


async def async_calls(sidecar: Sidecar, config: ClientConfig, uds: str | None, count: int) -> list[list[float]]:
    """Time asyncio's client."""
    transport = httpx.AsyncHTTPTransport(uds=uds)
    async with (
        PromptOpsClient(config) as client,
        httpx.AsyncClient(transport=transport, base_url=sidecar.url) as rival,
    ):

        async def asked() -> object:
            return (await rival.post(PATH, content=BODY)).json()

        return await timed_async((lambda: client.render_prompt("greeting", {"name": "Ada"}), asked), count)


def import_seconds(module: str) -> float:
    """Return the least of a few imports in fresh processes, over that of nothing."""

    def once(statement: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, env={"PYTHONPATH": str(ROOT / "operator")})
        return time.perf_counter() - begun

    return min(once(f"import {module}") for _ in range(5)) - min(once("pass") for _ in range(5))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    count: int = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        variables = [{"name": "name", "type": "string"}]
        write(Path(folder) / "p.yaml", sourced("greeting", {"text": TEXT, "variables": variables}))
        for start in sidecars():
            sidecar = start(Path(folder), PYTHONASYNCIODEBUG="", PROMPTOPS_DIRECTORY=folder)
            print(f"{'µs a render':<16} {'ours p50':>8} {'p99':>8} {'httpx':>8} {'p99':>8} {'ratio':>8}")
            for way, uds in (("TCP", None), ("socket", str(sidecar.socket))):
                config = ClientConfig(socket=uds, base_url=None if uds else sidecar.url)
                show(f"{way}, threads", sync_calls(sidecar, config, uds, count))
                show(f"{way}, asyncio", asyncio.run(async_calls(sidecar, config, uds, count)))
    ours, rival = import_seconds("promptops.client"), import_seconds("httpx")
    print(f"import: promptops.client {ours * 1000:.0f} ms, httpx {rival * 1000:.0f} ms, {rival / ours:.1f}x")


if __name__ == "__main__":
    main()
