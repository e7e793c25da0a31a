"""`promptops export`: one version, with what it includes and its digest, as files for another cluster."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.cache.tiers.files import write_whole
from promptops.cli.cluster import which_cluster, with_cluster
from promptops.cluster.objects import Objects
from promptops.codegen import yaml_text
from promptops.domain.backup.layout import Packable
from promptops.domain.backup.promotion import CannotPromote, exported
from promptops.domain.manifests import Manifest, name_of
from promptops.recovery import layout
from promptops.recovery.promotion import Promotion


@click.command()
@click.argument("prompt")
@click.option("--version", "number", help="Which version, when it is not the one that is served.")
@click.option("--namespace", "-n", default="default", show_default=True, help="Where the Prompt is.")
@click.option(
    "--output", "-o", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to write."
)
@click.option("--oci", "as_layout", is_flag=True, help="As an OCI image layout, which registries' tools copy.")
@which_cluster
def export(
    prompt: str,
    number: str | None,
    namespace: str,
    folder: Path,
    as_layout: bool,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Write a version of a Prompt, and those that it includes, into a folder: for git, and for `promptops import`.

    Each file names the digest that its content must have. With --oci the folder may have other versions already.
    """

    async def take_out(objects: Objects) -> tuple[Manifest, ...]:
        there = Promotion(objects, namespace)
        wanted = number or await there.served_version(prompt)
        # The version itself comes first.
        return await there.take_out(f"{prompt}-{wanted}")

    try:
        taken = with_cluster(take_out, kubeconfig, context)
        versions = [Packable(each, yaml_text.dump(each).encode()) for each in exported(taken)]
        folder.mkdir(parents=True, exist_ok=True)
        if as_layout:
            versions.sort(key=lambda each: name_of(each.manifest) != name_of(taken[0]))
            layout.write(folder, versions[0], versions[1:])
        for each in versions:
            place = folder / f"{name_of(each.manifest)}.yaml"
            if not as_layout:
                write_whole(place, each.data, durable=True)
            click.echo(f"{place.stem if as_layout else place}: {each.digest}")
    except CannotPromote as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from None
