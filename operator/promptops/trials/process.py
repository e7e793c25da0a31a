"""A worker process as its user sees it: started when there is work, ended when there is none, killed when one piece takes too long."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress

from promptops.trials.labour import HEAD

WORK_SECONDS = 20.0
"""A piece of work that takes longer is given up."""
IDLE_SECONDS = 60.0
"""Without work for so long the process ends: it costs some 50 MB."""
_EXIT_SECONDS = 2.0
"""So long a process may take to be gone once its pipe has ended."""


class WorkFailed(Exception):
    """The process died over a piece of work, or took too long."""

    def __init__(self, *, took_too_long: bool) -> None:
        super().__init__("it took too long" if took_too_long else "it died")
        self.took_too_long = took_too_long


class WorkerProcess:
    """One process, one piece of work at a time. Belongs to one event loop."""

    def __init__(
        self,
        work_seconds: float = WORK_SECONDS,
        idle_seconds: float | None = IDLE_SECONDS,
        module: str = "promptops.trials.worker",
    ) -> None:
        """`idle_seconds`: None keeps it for ever. `module`: what is run; it has to `work` (promptops.trials.labour)."""
        self._work_seconds = work_seconds
        self._idle_seconds = idle_seconds
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()
        self._idle: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[tuple[bytes, bytes]]] = set()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    async def carry_out(self, request: bytes) -> bytes:
        """Return the answer to a request. Raises WorkFailed."""
        async with self._one_at_a_time:
            if self._idle is not None:
                self._idle.cancel()
            try:
                async with asyncio.timeout(self._work_seconds):
                    answer = await self._exchange(request)
            except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
                if not isinstance(error, TimeoutError):
                    await self._ended_by_itself()
                code = await self._end()
                raise WorkFailed(took_too_long=isinstance(error, TimeoutError) or code == -signal.SIGXCPU) from None
            except asyncio.CancelledError:
                self._end_beside()
                raise
            if self._idle_seconds is not None:
                self._idle = asyncio.create_task(self._end_when_idle(self._idle_seconds))
            return answer

    async def close(self) -> None:
        """End the process; what it works on fails."""
        if self._process is not None:
            _kill(self._process)
        async with self._one_at_a_time:
            await self._end()
        await asyncio.gather(*self._ending)

    def _end_beside(self) -> None:
        """End the process; what is left of it is cleared away meanwhile."""
        process = self._taken_away()
        if process is not None:
            task = asyncio.create_task(process.communicate())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _ended_by_itself(self) -> None:
        """Wait for the process whose pipe has ended: whoever kills it first may never hear what it ended with."""
        if self._process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_EXIT_SECONDS):
                    await self._process.wait()

    async def _end(self) -> int | None:
        """End the process, unless it has ended by itself; return what it ended with."""
        process = self._taken_away()
        if process is not None:
            await process.communicate()
        return process.returncode if process is not None else None

    async def _there(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        return process

    async def _exchange(self, request: bytes) -> bytes:
        process = await self._there()
        assert process.stdin is not None  # noqa: S101 - both were asked for
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(HEAD.pack(len(request)) + request)
        await process.stdin.drain()
        (size,) = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
        return await process.stdout.readexactly(size)

    async def _end_when_idle(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._idle = None
        await self.close()

    def _taken_away(self) -> asyncio.subprocess.Process | None:
        if self._idle is not None:
            self._idle.cancel()
        process, self._process, self._idle = self._process, None, None
        if process is not None:
            _kill(process)
        return process


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
