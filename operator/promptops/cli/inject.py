"""`promptops inject`: what a webhook would make of some manifests, printed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from promptops.api.names import INJECTION_CONFIG_MAP, TRUST_CONFIG_MAP
from promptops.cli.files import read_files
from promptops.codegen import yaml_text
from promptops.domain.injection.description import INJECT_LABEL
from promptops.domain.injection.parameters import Parameters, ParametersIncomplete
from promptops.workspace.injection import inject as inject_files
from promptops.workspace.injection import read_parameters
from promptops.workspace.stream import Document

_ASK = f"kubectl get configmap {INJECTION_CONFIG_MAP} {TRUST_CONFIG_MAP} -n promptops-system -o yaml"


@click.command()
@click.option(
    "--filename",
    "-f",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="File, folder or -.",
)
@click.option(
    "--parameters",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"What the installation says of its sidecars: the answer of `{_ASK}`.",
)
def inject(paths: tuple[Path, ...], parameters: Path) -> None:
    """Print manifests with a sidecar in every pod that asks for one by the label promptops.io/inject: "true".

    Pods, Deployments, StatefulSets, DaemonSets, Jobs and CronJobs; everything else is printed as it is. Exit code 1:
    something cannot be injected, and nothing is printed.
    """
    done = inject_files(read_files(paths), _parameters(parameters))
    if done.flaws:
        raise click.ClickException("\n".join(str(flaw) for flaw in done.flaws))
    click.echo("---\n".join(_text(document) for document in done.documents), nl=False)
    if not (done.injected or done.already):
        click.echo(f'Nothing to inject: no pod template has the label {INJECT_LABEL}: "true".', file=sys.stderr)


def _parameters(path: Path) -> Parameters:
    ((name, data),) = read_files((path,)).items()
    try:
        return read_parameters(name, data)
    except ParametersIncomplete as error:
        raise click.ClickException(f"{name}: {error}; ask for them: {_ASK}") from None


def _text(document: object) -> str:
    if isinstance(document, Document):
        return f"{document.text.rstrip()}\n"
    return yaml_text.dump(document)
