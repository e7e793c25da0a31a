"""`promptops sidecar`: renders next to an application, from an operator's feed or from a directory of manifests."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.cli.running import configure_logs, run
from promptops.settings.environment import SettingsError
from promptops.settings.sidecar import SidecarSettings
from promptops.sidecar.process import run_until_signalled
from promptops.sidecar.supply import SupplyError
from promptops.web.listeners import ListenError
from promptops.web.reloading import told


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Serve the manifests in this directory, without a cluster; read again when they change.",
)
def sidecar(directory: Path | None) -> None:
    """Serve prompts to the applications of a pod, or from a directory."""
    try:
        file = told(lambda environ: SidecarSettings.from_environment(environ, directory))
        log = configure_logs(file.current.logs)
        run(run_until_signalled(file, log))
    except (SettingsError, SupplyError, ListenError) as error:
        raise click.ClickException(str(error)) from None
