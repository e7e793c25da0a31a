"""`promptops operator`: decides, writes status and publishes, with the rights of its ServiceAccount."""

from __future__ import annotations

import logging

import click

from promptops.cli.running import configure_logs, run
from promptops.cluster.errors import ConnectionInvalid
from promptops.controller.process import OperatorProcess
from promptops.settings.environment import SettingsError
from promptops.settings.operator import OperatorSettings, drawn_identity
from promptops.web.listeners import ListenError
from promptops.web.reloading import told


@click.command()
def operator() -> None:
    """Run the operator."""
    identity = drawn_identity()
    try:
        file = told(lambda environ: OperatorSettings.from_environment(environ, identity))
        log = configure_logs(file.current.logs)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    # What goes wrong in the watch we report ourselves, once; kopf would add stack traces and an error a second.
    logging.getLogger("kopf").setLevel(logging.CRITICAL)
    try:
        run(OperatorProcess(file, log).run())
    except (ListenError, ConnectionInvalid) as error:
        raise click.ClickException(str(error)) from None
