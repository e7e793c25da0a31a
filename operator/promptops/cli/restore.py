"""`promptops restore`: puts a backup into a cluster, as often as it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from promptops.cli.cluster import which_cluster, with_cluster
from promptops.cli.files import NobodyAnswers
from promptops.cluster.objects import Objects
from promptops.domain.backup.plan import Restoration, Verdict
from promptops.domain.backup.promotion import altered
from promptops.domain.backup.records import Record, title
from promptops.recovery.folder import NoBackup, files_in, read_records
from promptops.recovery.putting_back import CannotRestore, Restorer

_DONE: dict[Verdict, str] = {
    "create": "restored",
    "finish": "restored, which was begun before",
    "replace": "overwritten",
    "same": "unchanged",
    "differs": "NOT restored",
}
_PLANNED: dict[Verdict, str] = {
    **_DONE,
    "create": "to be restored",
    "finish": "to be finished",
    "replace": "to be overwritten",
}


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--overwrite", is_flag=True, help="What is there and differs becomes what the backup has.")
@click.option("--create-namespaces", is_flag=True, help="Create namespaces that are not there, with their names alone.")
@click.option(
    "--without-status",
    is_flag=True,
    help="Write specs alone. What is asked for is then decided on anew: see the guide.",
)
@which_cluster
def restore(
    path: Path,
    dry_run: bool,
    overwrite: bool,
    create_namespaces: bool,
    without_status: bool,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Put a backup back: the folder that `promptops backup` wrote, or a file of it.

    Tenants, then ConfigMaps, PromptVersions and Prompts, each with what its status remembers. It may be aborted and run
    again. Exit code 1: something differs from the backup and was left as it is; 2: the backup cannot be read.
    """
    records = _read(path)

    async def work(objects: Objects) -> tuple[Restoration, ...]:
        restorer = Restorer(objects, with_status=not without_status)
        absent = await restorer.check(records, create_namespaces=create_namespaces or dry_run)
        steps = await restorer.plan(records, absent, overwrite=overwrite)
        for name in absent:
            click.echo(f"Namespace {name}: {'to be created' if dry_run else 'created'}")
        if not dry_run:
            async for step in restorer.put_back(steps, absent):
                click.echo(f"{title(step.record)}: {_DONE[step.verdict]}")
        return steps

    try:
        steps = with_cluster(work, kubeconfig, context)
    except CannotRestore as error:
        raise click.ClickException(str(error)) from None
    for step in steps:
        if dry_run or step.verdict in ("same", "differs"):
            why = f": {step.why}" if step.why else ""
            click.echo(f"{title(step.record)}: {_PLANNED[step.verdict]}{why}", err=step.verdict == "differs")
    if not dry_run and any(step.record["kind"] == "Secret" and step.verdict == "replace" for step in steps):
        click.echo(
            "An operator that runs believes its former keys: kubectl rollout restart deployment promptops", err=True
        )
    sys.exit(any(step.verdict == "differs" for step in steps))


def _read(path: Path) -> tuple[Record, ...]:
    try:
        files = {str(each): each.read_bytes() for each in files_in(path)}
        records = read_records(files)
    except OSError as error:
        raise NobodyAnswers(f"{error.filename}: {error.strerror}") from None
    except NoBackup as error:
        raise NobodyAnswers(str(error)) from None
    if not records:
        raise NobodyAnswers(f"{path}: there is nothing of a backup in it")
    versions = [each for each in records if each["kind"] == "PromptVersion"]
    if spoilt := [
        f"{title(each)}: its content has the digest {has}, not the one beside it" for each, has in altered(versions)
    ]:
        raise NobodyAnswers("\n".join((*spoilt, "nothing was restored: somebody changed the backup, or it is damaged")))
    return records
