"""`promptops key`: the key of one namespace in the mirror in Redis, from the master key that relays have."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from promptops.cache.tiers.sealing import scope_key


@click.command()
@click.option(
    "--master",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="A file with 32 bytes in base64, as from `openssl rand -base64 32`: what relays have as PROMPTOPS_REDIS_KEY_FILE.",
)
@click.argument("uid")
def key(master: Path, uid: str) -> None:
    """Print the key of the namespace with this UID (`kubectl get namespace NAME -o jsonpath={.metadata.uid}`).

    Whoever has it can read what this namespace's prompts say in Redis, and nothing of any other.
    """
    try:
        made = scope_key(base64.b64decode(master.read_text().strip(), validate=True), uid)
    except ValueError as error:
        raise click.ClickException(
            f"{master} is no master key, which is 32 bytes in base64, as from `openssl rand -base64 32`: {error}"
        ) from None
    click.echo(base64.b64encode(made).decode())
