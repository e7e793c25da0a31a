"""`promptops codegen`: write the generated files, or say which are stale."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.codegen import files
from promptops.codegen.structural import NotStructural


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 naming the files that are stale.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The repository; by default the folder this runs in.",
)
def codegen(check: bool, root: Path) -> None:
    """Write CRDs, policies, RBAC and the reference from the models."""
    if not (root / "pyproject.toml").is_file():
        raise click.ClickException(f"{root.resolve()} is not the repository: there is no pyproject.toml")
    try:
        wanted = files.generated()
    except NotStructural as refusal:
        raise click.ClickException(f"a model cannot become a schema: {refusal}") from None
    if check:
        _report(files.stale(root, wanted))
        return
    for path in files.write(root, wanted):
        click.echo(path)


def _report(paths: tuple[str, ...]) -> None:
    if paths:
        listed = "\n".join(f"  {path}" for path in paths)
        raise click.ClickException(f"generated files are stale:\n{listed}\nBring them up to date: {files.COMMAND}")
