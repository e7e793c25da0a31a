"""`promptops export`: one version, with what it includes and its digest, as files for another cluster."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.cache.tiers.files import write_whole
from promptops.cli.cluster import which_cluster, with_cluster
from promptops.cluster.objects import Objects
from promptops.codegen import yaml_text
from promptops.domain.backup.promotion import DIGEST_ANNOTATION, CannotPromote, exported
from promptops.domain.manifests import Manifest
from promptops.recovery.promotion import Promotion


@click.command()
@click.argument("prompt")
@click.option("--version", "number", help="Which version, when it is not the one that is served.")
@click.option("--namespace", "-n", default="default", show_default=True, help="Where the Prompt is.")
@click.option(
    "--output", "-o", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to write."
)
@which_cluster
def export(
    prompt: str, number: str | None, namespace: str, folder: Path, kubeconfig: Path | None, context: str | None
) -> None:
    """Write a version of a Prompt, and those that it includes, into a folder: for git, and for `promptops import`.

    Each file names the digest that its content must have.
    """

    async def take_out(objects: Objects) -> tuple[Manifest, ...]:
        there = Promotion(objects, namespace)
        wanted = number or await there.served_version(prompt)
        return await there.take_out(f"{prompt}-{wanted}")

    try:
        versions = exported(with_cluster(take_out, kubeconfig, context))
        folder.mkdir(parents=True, exist_ok=True)
        for each in versions:
            path = folder / f"{each['metadata']['name']}.yaml"
            write_whole(path, yaml_text.dump(each).encode(), durable=True)
            click.echo(f"{path}: {each['metadata']['annotations'][DIGEST_ANNOTATION]}")
    except CannotPromote as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from None
