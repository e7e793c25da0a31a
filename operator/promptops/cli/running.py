"""What a long-lived command is: logs as the environment says, and an event loop beside threads that it waits for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Final

import click
import uvloop

from promptops.settings.environment import SettingsError
from promptops.settings.logs import LogSettings
from promptops.telemetry.logging import configure
from promptops.telemetry.outlet import LogOutlet

HAND_OVER_SECONDS: Final = 0.0005
"""A thread that the loop waits for - it watches, or keeps a snapshot - gets its turn this soon when the loop is busy. With the
interpreter's own 5 ms, every file or socket that it touches would cost it as much."""


def configure_logs(settings: LogSettings | None = None) -> LogOutlet:
    """Configure the logs of this process, by default as the environment says; return what takes them away.

    Raises ClickException when the environment asks for impossible ones.
    """
    try:
        settings = settings or LogSettings.from_environment()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return configure(settings.level, form=settings.format)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run until it ends. Raises what it raises."""
    sys.setswitchinterval(HAND_OVER_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
