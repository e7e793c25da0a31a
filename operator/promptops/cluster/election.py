"""An elector on a thread, an event loop and connections of its own: nothing that keeps the operator's loop busy costs the Lease.

What hangs for good does not hold the Lease for ever: the kubelet ends a process whose own loop does not answer /healthz.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.elector import Elector, Leadership
from promptops.cluster.lease import Timing
from promptops.cluster.objects import Objects
from promptops.cluster.rivals import Rivals

Result = TypeVar("Result")

_END_SECONDS = 1.0


class Election:
    """Competes for a Lease. Belongs to the loop that calls it; properties may be read from anywhere, at any time."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing | None = None,
        address: str | None = None,
    ) -> None:
        """`address`: host:port at which the other replicas reach our feed."""
        self._client = Client(connection)
        objects = Objects(self._client)
        rivals = Rivals(objects, namespace, name)
        self._elector = Elector(
            objects, namespace, name, identity, timing=timing or Timing(), rivals=rivals, address=address
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lease", daemon=True)

    @property
    def leadership(self) -> Leadership | None:
        """Our epoch and term while we lead."""
        return self._elector.leadership

    @property
    def renewed_seconds_ago(self) -> float | None:
        """How long ago it was sure that nobody else leads; None while we do not lead."""
        return self._elector.renewed_seconds_ago

    @property
    def holder(self) -> str | None:
        """Who was last seen to hold the Lease."""
        return self._elector.holder

    @property
    def leader_address(self) -> str | None:
        """host:port at which somebody else who leads is followed; None while we lead, or nobody does."""
        return self._elector.leader_address

    @property
    def problem(self) -> str | None:
        """Why the Lease can be neither read nor written now; None when it can."""
        return self._elector.problem

    @property
    def rival(self) -> str | None:
        """Which operator in another namespace keeps us from leading; None when none does."""
        return self._elector.rival

    @property
    def name(self) -> str:
        """The Lease's name."""
        return self._elector.name

    @property
    def namespace(self) -> str:
        """The Lease's namespace."""
        return self._elector.namespace

    async def run(
        self,
        started: Callable[[Leadership], Coroutine[Any, Any, None]],
        stopped: Callable[[str], Awaitable[None]],
    ) -> None:
        """Compete forever. Both run in the caller's loop, the first until it ends or we lose, then the other."""
        ours = asyncio.get_running_loop()

        async def start(leadership: Leadership) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(started(leadership), ours))

        async def stop(reason: str) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(stopped(reason)), ours))

        self._thread.start()
        await self._there(self._elector.run(start, stop))

    async def release(self) -> None:
        """Give the Lease up, so that the next leader need not wait."""
        if self._thread.is_alive():
            await self._there(self._elector.release())

    async def raise_epoch(self, above: int) -> Leadership:
        """Confirm by a consistent read that we lead, then move to a higher epoch. Raises as the elector does."""
        return await self._there(self._elector.raise_epoch(above))

    async def close(self) -> None:
        """Stop competing and close the connections."""
        if not self._thread.is_alive():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._there(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, _END_SECONDS)

    async def _end(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._client.close()

    async def _there(self, work: Coroutine[Any, Any, Result]) -> Result:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


async def _awaited(work: Awaitable[None]) -> None:
    await work
