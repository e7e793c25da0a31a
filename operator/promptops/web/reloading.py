"""Looks at the file of settings for as long as a process runs, and has done what can be done without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from promptops.cache.bounded import Bounded
from promptops.settings.environment import SettingsError
from promptops.settings.file import SettingsFile
from promptops.settings.logs import LogSettings
from promptops.telemetry.logging import set_level
from promptops.telemetry.process import ProcessMetrics

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LOOK_SECONDS: Final = 1.0
READ_SECONDS: Final = 5.0
_log = structlog.get_logger()


Role = TypeVar("Role", bound="DataclassInstance", covariant=True)


@dataclass(frozen=True)
class Told(Generic[Role]):
    """Everything that a process is told."""

    role: Role
    """What its role asks for."""
    logs: LogSettings


def told(make: Callable[[Mapping[str, str]], Role]) -> SettingsFile[Told[Role]]:
    """Return what environment and file say; `make` reads the role's settings. Raises SettingsError."""
    return SettingsFile.from_environment(lambda environ: Told(make(environ), LogSettings.from_environment(environ)))


class Reloading(Generic[Role]):
    """Follows the file until cancelled."""

    def __init__(self, file: SettingsFile[Told[Role]], metrics: ProcessMetrics) -> None:
        self._file = file
        self._metrics = metrics
        self._started_with = file.current
        self._waits: tuple[str, ...] = ()
        self._said: str | None = None
        self._read = Bounded(file.read, READ_SECONDS)
        file.listen(self._changed)

    @property
    def problem(self) -> str | None:
        """Why what runs is not what the file says; None when it is."""
        if self._file.problem is not None:
            return self._file.problem
        return f"in force from the next start on: {', '.join(self._waits)}" if self._waits else None

    @property
    def is_followed(self) -> bool:
        """Whether there is a file at all."""
        return self._file.path is not None

    async def run(self) -> None:
        """Look until cancelled; without a file there is nothing to look at."""
        while self.is_followed:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.get_running_loop().create_future()

    async def look(self) -> None:
        """Take up what the file says."""
        try:
            data = await self._read()
            if data is not None:
                self._file.take(data)
        except OSError as error:
            self._file.lost(error)
        except SettingsError:
            pass  # it stands in the file's problem
        self._say()

    def _changed(self, before: Told[Role], now: Told[Role]) -> None:
        if now.logs.level != before.logs.level:
            set_level(now.logs.level)
        started = self._started_with
        level = replace(now.logs, level=started.logs.level)
        pairs: tuple[tuple[DataclassInstance, DataclassInstance], ...] = (
            (started.role, now.role),
            (started.logs, level),
        )
        self._waits = tuple(
            field.name
            for old, new in pairs
            for field in fields(old)
            if getattr(old, field.name) != getattr(new, field.name)
        )
        _log.info("settings taken up", level=now.logs.level, waits=list(self._waits))

    def _say(self) -> None:
        problem = self.problem
        self._metrics.settings(usable=problem is None)
        if problem == self._said:
            return
        self._said = problem
        if problem is None:
            _log.info("settings file is as it should be", file=str(self._file.path))
        else:
            _log.warning("settings file is not in force as it stands", file=str(self._file.path), reason=problem)
