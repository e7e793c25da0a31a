"""`promptops relay`: follows the operators for every namespace, and feeds sidecars as they do."""

from __future__ import annotations

import click

from promptops.cli.running import configure_logs, run
from promptops.cluster.errors import ConnectionInvalid
from promptops.feed.anchors import TrustUnusable
from promptops.relay.face import feed_face
from promptops.relay.process import RelayProcess
from promptops.settings.environment import SettingsError
from promptops.settings.relay import RelaySettings
from promptops.web.listeners import ListenError
from promptops.web.reloading import told


@click.command()
def relay() -> None:
    """Run a relay."""
    try:
        file = told(RelaySettings.from_environment)
        log = configure_logs(file.current.logs)
        run(RelayProcess(file, log, feed_face).run())
    except (SettingsError, ListenError, ConnectionInvalid, TrustUnusable) as error:
        raise click.ClickException(str(error)) from None
