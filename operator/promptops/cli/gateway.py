"""`promptops gateway`: a relay that renders over HTTPS, for pods without a sidecar."""

from __future__ import annotations

import click

from promptops.cli.running import configure_logs, run
from promptops.cluster.errors import ConnectionInvalid
from promptops.feed.anchors import TrustUnusable
from promptops.gateway.face import gateway_face
from promptops.relay.process import RelayProcess
from promptops.settings.environment import SettingsError
from promptops.settings.relay import RelaySettings
from promptops.web.listeners import ListenError
from promptops.web.reloading import told


@click.command()
def gateway() -> None:
    """Run a gateway."""
    try:
        file = told(RelaySettings.from_environment)
        log = configure_logs(file.current.logs)
        run(RelayProcess(file, log, gateway_face).run())
    except (SettingsError, ListenError, ConnectionInvalid, TrustUnusable) as error:
        raise click.ClickException(str(error)) from None
