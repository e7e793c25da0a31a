"""Who judges objects for the webhook: some processes, each ended when one object takes too long, and there again for the next."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from promptops.admission.reviews import API_VERSION, KIND, Verdict
from promptops.admission.worker import verdict_of
from promptops.trials.process import WorkerProcess, WorkFailed

WORKERS: Final = 2
MODULE: Final = "promptops.admission.worker"
_NOTHING: Final = msgspec.json.encode(
    {"apiVersion": API_VERSION, "kind": KIND, "request": {"uid": "0", "operation": "CREATE", "object": {}}}
)
"""A question that costs nothing: who has answered it has begun."""
_log = structlog.get_logger()


class Judges:
    """As many at a time as there are processes. Belongs to one event loop."""

    def __init__(self, module: str = MODULE, workers: int = WORKERS) -> None:
        self._workers = tuple(WorkerProcess(idle_seconds=None, module=module) for _ in range(workers))
        self._free: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._beginning: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def start(self) -> None:
        """Have the processes before the first question: they take a moment to begin."""
        await asyncio.gather(*(self._begin(worker) for worker in self._workers))

    async def verdict(self, body: bytes) -> Verdict:
        """Return what is said of an object in a question. Who waits for it no longer ends the process that judges it.

        Raises WorkFailed when the process died over it.
        """
        worker = await self._free.get()
        try:
            return verdict_of(await worker.carry_out(body))
        finally:
            if worker.pid is not None:
                self._free.put_nowait(worker)
            else:
                self._begin_again(worker)

    async def close(self) -> None:
        """End the processes."""
        self._is_closed = True
        for task in self._beginning:
            task.cancel()
        await asyncio.gather(*self._beginning, return_exceptions=True)
        for worker in self._workers:
            await worker.close()

    def _begin_again(self, worker: WorkerProcess) -> None:
        if self._is_closed:
            return
        _log.warning("a process died over an object, or was ended because it took too long; it begins anew")
        task = asyncio.create_task(self._begin(worker))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, worker: WorkerProcess) -> None:
        with suppress(WorkFailed):  # the next piece of work tries again
            await worker.carry_out(_NOTHING)
        self._free.put_nowait(worker)
