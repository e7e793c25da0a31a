"""`promptops backup`: what a cluster, a tenant or a namespace has of prompts, as a folder for git."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from promptops.cli.cluster import which_cluster, with_cluster
from promptops.cluster.objects import Objects
from promptops.codegen import yaml_text
from promptops.domain.backup.records import HalfRestored, Record
from promptops.recovery.collecting import Collected, Extent, NothingThere, collect, collect_keys
from promptops.recovery.folder import covered, path_of, write


@click.command()
@click.option(
    "--output", "-o", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to write."
)
@click.option("--tenant", help="Only this Tenant and the namespaces that it holds.")
@click.option("--namespace", "-n", "namespaces", multiple=True, help="Only what is in this namespace; several are.")
@click.option("--keys", is_flag=True, help="Also the operator's signing keys. They are a secret: see the guide.")
@click.option("--operator-namespace", default="promptops-system", show_default=True, help="Where the keys lie.")
@which_cluster
def backup(
    folder: Path,
    tenant: str | None,
    namespaces: tuple[str, ...],
    keys: bool,
    operator_namespace: str,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Write Tenants, Prompts, PromptVersions and the ConfigMaps that they may read into a folder.

    One file an object, specs and what of statuses decisions look back on; the same bytes as long as nothing changes. A
    folder of a former backup is brought up to date. `promptops restore` puts it back.
    """
    if tenant and namespaces:
        raise click.UsageError("choose one of --tenant and --namespace")

    async def gather(objects: Objects) -> tuple[Collected, tuple[Record, ...]]:
        secret = (await collect_keys(objects, operator_namespace),) if keys else ()
        return await collect(objects, Extent(tenant or "", namespaces)), secret

    try:
        collected, secret = with_cluster(gather, kubeconfig, context)
    except (NothingThere, HalfRestored) as error:
        raise click.ClickException(str(error)) from None
    try:
        texts = {path_of(each): yaml_text.dump(each) for each in (*secret, *collected.records)}
        write(folder, texts, covered(collected.namespaces))
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from None
    click.echo(f"{folder}: {_counted(collected.records)}")
    if secret:
        click.echo(
            f"SECRET: {folder / path_of(secret[0])} lets whoever reads it pretend to be the operator. It is readable by you "
            "alone (mode 0600): keep it out of git, and encrypted.",
            err=True,
        )
    if not collected.records:
        sys.exit(1)


def _counted(records: tuple[Record, ...]) -> str:
    kinds = [record["kind"] for record in records]
    counted = [f"{kinds.count(kind)} {kind}{'s' if kinds.count(kind) != 1 else ''}" for kind in dict.fromkeys(kinds)]
    return ", ".join(counted) or "there is nothing to back up"
