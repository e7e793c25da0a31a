"""`promptops dev`: a throw-away, real control plane to try prompts on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from promptops.dev import binaries
from promptops.dev.errors import DevError
from promptops.dev.lifecycle import plane_folder
from promptops.dev.progress import Progress
from promptops.settings import DevSettings

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def _explained(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Turn what goes wrong on this machine into a message with advice."""

    @functools.wraps(function)
    def explained(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except DevError as error:
            advice = f"\nWhat helps: {error.hint}" if error.hint else ""
            raise click.ClickException(f"{error}{advice}") from None

    return explained


def _which_plane(function: Callable[..., None]) -> Callable[..., None]:
    name = click.option("--name", default="default", show_default=True, help="Which plane; several can be up.")
    directory = click.option(
        "--directory",
        type=click.Path(file_okay=False, path_type=Path),
        help="Keep the plane's state here rather than in the cache.",
    )
    return name(directory(function))


def _folder(settings: DevSettings, name: str, directory: Path | None) -> Path:
    return directory.resolve() if directory else plane_folder(settings.cache, name)


@click.group()
def dev() -> None:
    """Run a throw-away, real Kubernetes control plane on this machine, without containers."""


@dev.command()
@click.argument("names", nargs=-1, required=True)
@_explained
def build(names: tuple[str, ...]) -> None:
    """Find or build binaries and print their paths."""
    settings = DevSettings.from_environment()
    for name in names:
        click.echo(binaries.provide(name, settings, Progress()))
