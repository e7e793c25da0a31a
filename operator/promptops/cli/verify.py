"""`promptops verify`: who stands for the versions of some files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from promptops.cli.files import NobodyAnswers, read_files
from promptops.domain.signatures import key_bytes
from promptops.workspace.content import NoContent
from promptops.workspace.signing import verify as verify_files


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--key", "keys", multiple=True, required=True, metavar="NAME=KEY", help="Whom you believe: as a Tenant has it."
)
def verify(paths: tuple[Path, ...], keys: tuple[str, ...]) -> None:
    """Say of the PromptVersions in files, folders, or standard input (-) whose signature they carry.

    Exit code 0: somebody's who is believed, each; 1: one has none; 2: a file cannot be read.
    """
    believed = dict(each.partition("=")[::2] for each in keys)
    for name, written in believed.items():
        if not key_bytes(written):
            raise click.UsageError(f"--key {name}=…: write the key as `promptops sign --public` prints it")
    try:
        found = verify_files(read_files(paths), believed)
    except NoContent as error:
        raise NobodyAnswers(str(error)) from None
    for each in found:
        click.echo(
            f"{each.name}: {f'signed by {each.by}' if each.by else 'not signed by anybody of them'} ({each.digest})"
        )
    sys.exit(any(each.by is None for each in found))
