"""`promptops webhook`: answers the API server's questions at `kubectl apply` and when pods are made."""

from __future__ import annotations

import asyncio

import click
import uvloop

from promptops.admission.process import run_until_signalled
from promptops.cli.running import configure_logs
from promptops.settings.admission import AdmissionSettings
from promptops.settings.environment import SettingsError
from promptops.web.listeners import ListenError


@click.command()
def webhook() -> None:
    """Run the admission webhook."""
    log = configure_logs()
    try:
        settings = AdmissionSettings.from_environment()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_until_signalled(settings, log))
    except (SettingsError, ListenError) as error:
        raise click.ClickException(str(error)) from None
