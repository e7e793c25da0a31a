"""Tasks that should run as long as the process: what ends one is said, counted, and in health until it runs well again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from promptops.telemetry.process import ProcessMetrics

_SHORTEST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
WELL_SECONDS: Final = 30.0
"""A task that has run for so long since its last end is well."""

_log = structlog.get_logger()


class Supervisor:
    """Starts tasks again. Belongs to one event loop."""

    def __init__(self, metrics: ProcessMetrics) -> None:
        self._metrics = metrics
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """Task → how it ended, of those that have not run well since."""
        return self._problems

    async def keep(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Run it, and run it again whenever it ends, until cancelled. Only what cancels this ends it."""
        loop = asyncio.get_running_loop()
        pause = _SHORTEST_PAUSE_SECONDS
        while True:
            begun = loop.time()
            well = loop.call_later(WELL_SECONDS, self._problems.pop, name, None)
            try:
                await run()
                how = "ended"
            except Exception as error:
                how = f"failed with {', '.join(sorted(_kinds(error)))}"
                _log.exception("task failed; it is started again", task=name)
            finally:
                well.cancel()
            self._problems[name] = f"{how} and was started again"
            self._metrics.task_restarted(name)
            if loop.time() - begun >= WELL_SECONDS:
                pause = _SHORTEST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _kinds(error: BaseException) -> set[str]:
    """Return the names of what failed: a group says nothing."""
    if isinstance(error, BaseExceptionGroup):
        return set().union(*map(_kinds, error.exceptions))
    return {type(error).__name__}
