"""`promptops codegen`: write the generated files, or say which are stale."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.codegen import files
from promptops.codegen.install import RenderFailed, install_files
from promptops.codegen.structural import NotStructural


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 naming the files that are stale.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The repository; by default the folder this runs in.",
)
@click.option(
    "--helm",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A helm to render the chart with: manifests/install.yaml is then generated as well.",
)
def codegen(check: bool, root: Path, helm: Path | None) -> None:
    """Write CRDs, policies, RBAC and the reference from the models."""
    if not (root / "pyproject.toml").is_file():
        raise click.ClickException(f"{root.resolve()} is not the repository: there is no pyproject.toml")
    try:
        wanted = files.generated(root)
    except NotStructural as refusal:
        raise click.ClickException(f"a model cannot become a schema: {refusal}") from None
    changed = files.stale(root, wanted) if check else files.write(root, wanted)
    if helm:  # after the chart's templates, which it renders
        installed = _install_files(helm, root)
        changed += files.changed(root, installed) if check else files.overwrite(root, installed)
    if check:
        _report(changed)
        return
    for path in changed:
        click.echo(path)


def _install_files(helm: Path, root: Path) -> dict[str, str]:
    try:
        return install_files(helm, root)
    except RenderFailed as refusal:
        raise click.ClickException(f"helm cannot render the chart: {refusal}") from None


def _report(paths: tuple[str, ...]) -> None:
    if paths:
        listed = "\n".join(f"  {path}" for path in paths)
        raise click.ClickException(f"generated files are stale:\n{listed}\nBring them up to date: {files.COMMAND}")
