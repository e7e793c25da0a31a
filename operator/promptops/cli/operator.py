"""`promptops operator`: decides, writes status and publishes, with the rights of its ServiceAccount."""

from __future__ import annotations

import logging

import click

from promptops.cli.running import configure_logs, run
from promptops.cluster.errors import ConnectionInvalid
from promptops.controller.process import OperatorProcess
from promptops.settings.environment import SettingsError
from promptops.settings.operator import OperatorSettings
from promptops.web.listeners import ListenError


@click.command()
def operator() -> None:
    """Run the operator."""
    log = configure_logs()
    # What goes wrong in the watch we report ourselves, once; kopf would add stack traces and an error a second.
    logging.getLogger("kopf").setLevel(logging.CRITICAL)
    try:
        run(OperatorProcess(OperatorSettings.from_environment(), log).run())
    except (SettingsError, ListenError, ConnectionInvalid) as error:
        raise click.ClickException(str(error)) from None
