"""`promptops import`: versions that `promptops export` wrote, into a namespace of another cluster."""

from __future__ import annotations

import json
from pathlib import Path

import click

from promptops.cli.cluster import which_cluster, with_cluster
from promptops.cli.files import NobodyAnswers, read_files
from promptops.cluster.objects import Objects
from promptops.domain.backup.plan import Restoration
from promptops.domain.backup.promotion import CannotPromote, once, roots, verified
from promptops.domain.manifests import Manifest, name_of
from promptops.domain.ownership import number_of, prompt_of
from promptops.recovery import layout
from promptops.recovery.promotion import Promotion
from promptops.workspace.content import NoContent, readings_of
from promptops.workspace.folder import shown_path


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--namespace", "-n", default="default", show_default=True, help="Where the versions are created.")
@click.option("--dry-run", is_flag=True, help="Verify, say what would be created, and create nothing.")
@which_cluster
def import_(
    paths: tuple[Path, ...], namespace: str, dry_run: bool, kubeconfig: Path | None, context: str | None
) -> None:
    """Create exported versions, once each has exactly the digest that it had where it comes from.

    PATHS are files, folders of them, and folders that are OCI image layouts. Nothing is activated: what to apply for that is printed. Exit code 1: a number has another content here; 2: a file
    cannot be read, or is not what its digest says.
    """
    try:
        versions, claims = _read(paths)
        if wrong := sorted({str(each["kind"]) for each in versions} - {"PromptVersion"}):
            raise NobodyAnswers(f"{', '.join(wrong)} among the files: an export has PromptVersions alone")
        found = verified(versions, claims)
    except (NoContent, CannotPromote) as error:
        raise NobodyAnswers(f"{error}\nnothing was imported") from None

    async def bring_in(objects: Objects) -> tuple[Restoration, ...]:
        here = Promotion(objects, namespace)
        steps = await here.plan(tuple(dict(each) for each in versions))
        if not dry_run:
            await here.bring_in(steps)
        return steps

    try:
        steps = with_cluster(bring_in, kubeconfig, context)
    except CannotPromote as error:
        raise click.ClickException(str(error)) from None
    for step in steps:
        done = "there already" if step.verdict == "same" else "to be created" if dry_run else "created"
        click.echo(f"PromptVersion {namespace}/{name_of(step.record)}: {done}, {found[name_of(step.record)]}")
    by_name = {name_of(each): each for each in versions}
    for name in roots(versions):
        version = by_name[name]
        patch = json.dumps({"spec": {"activeVersion": number_of(version), "activeDigest": found[name]}})
        click.echo(f"To serve it: kubectl patch prompt {prompt_of(version)} -n {namespace} --type=merge -p '{patch}'")


def _read(paths: tuple[Path, ...]) -> tuple[tuple[Manifest, ...], dict[str, str]]:
    """Return the versions, each once, and what layouts claim of them. Raises NoContent, CannotPromote, NobodyAnswers."""
    layouts = {path: layout.read(path) for path in paths if layout.is_layout(path)}
    files = read_files(path for path in paths if path not in layouts)
    claims: dict[str, str] = {}
    for path, found in layouts.items():
        files |= {shown_path(str(path / name)): data for name, data in found.files.items()}
        claims |= found.claims
    return once(one.manifest for reading in readings_of(files).values() for one in reading.found), claims
