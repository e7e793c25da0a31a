"""`promptops dev`: a throw-away, real control plane to try prompts on."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from promptops import codegen
from promptops.dev import binaries, describe
from promptops.dev.errors import DevError
from promptops.dev.lifecycle import bring_up, plane_folder, plane_folders, take_down
from promptops.dev.plane import attach
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE, attach_stack
from promptops.settings.dev import DevSettings

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
    for path in binaries.provide_all(names, settings, Progress()):
        click.echo(path)


@dev.command()
@click.option("--json", "as_json", is_flag=True, help="Print where everything is as JSON.")
@click.option("--bare", is_flag=True, help="Only the control plane: no definitions, no operator, no sidecar.")
@_which_plane
@_explained
def up(as_json: bool, bare: bool, name: str, directory: Path | None) -> None:
    """Start a plane, or what is missing of it; when it is up, print the same answer again."""
    settings = DevSettings.from_environment()
    progress = Progress()
    folder = _folder(settings, name, directory)
    found = bring_up(folder, settings, progress, None if bare else codegen.manifests(NAMESPACE))
    if found.already:
        progress.say(f"the plane {folder.name} is up already")
    if as_json:
        click.echo(describe.as_json(found.plane, found.stack))
    else:
        click.echo(describe.as_text(found.plane, found.stack, _options(name, directory)))


@dev.command()
@_which_plane
@_explained
def env(name: str, directory: Path | None) -> None:
    """Print what a shell needs: eval "$(promptops dev env)" sets KUBECONFIG, PATH and PROMPTOPS_URL."""
    settings = DevSettings.from_environment()
    plane = attach(_folder(settings, name, directory), settings.environment)
    click.echo(describe.as_environment(plane, attach_stack(plane)))


@dev.command()
@_which_plane
@_explained
def status(name: str, directory: Path | None) -> None:
    """Say what runs; exit 1 when the plane is not whole."""
    settings = DevSettings.from_environment()
    whole, text = describe.status(_folder(settings, name, directory), settings)
    click.echo(text)
    if not whole:
        sys.exit(1)


@dev.command()
@click.option("--all", "every", is_flag=True, help="Every plane in the cache.")
@_which_plane
@_explained
def down(every: bool, name: str, directory: Path | None) -> None:
    """End a plane and remove every trace of it."""
    settings = DevSettings.from_environment()
    folders = plane_folders(settings.cache) if every else (_folder(settings, name, directory),)
    for folder in folders:
        click.echo(f"{folder.name} is down" if take_down(folder) else f"{folder.name} was not up")


def _options(name: str, directory: Path | None) -> str:
    """Return the options that name the same plane again."""
    if directory:
        return f" --directory {directory}"
    return f" --name {name}" if name != "default" else ""
