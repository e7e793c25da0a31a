"""What a long-lived command does first: logs as the environment says."""

from __future__ import annotations

import click

from promptops.settings.environment import SettingsError
from promptops.settings.logs import LogSettings
from promptops.telemetry.logging import configure
from promptops.telemetry.outlet import LogOutlet


def configure_logs() -> LogOutlet:
    """Configure the logs of this process; return what takes them away. Raises ClickException when the environment asks for impossible ones."""
    try:
        settings = LogSettings.from_environment()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return configure(settings.level, form=settings.format)
