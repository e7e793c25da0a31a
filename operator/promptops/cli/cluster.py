"""What commands that talk to a cluster have in common: which one, and what is said when it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.errors import ClusterError, ConnectionInvalid
from promptops.cluster.objects import Objects
from promptops.settings.environment import usual_kubeconfig

Result = TypeVar("Result")

_KUBECONFIG = click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="As kubectl: KUBECONFIG, else ~/.kube/config.",
)
_CONTEXT = click.option("--context", help="Another context of the kubeconfig than its current one.")


def which_cluster(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which cluster it talks to."""
    return _KUBECONFIG(_CONTEXT(function))


def with_cluster(work: Callable[[Objects], Awaitable[Result]], kubeconfig: Path | None, context: str | None) -> Result:
    """Return what `work` does with the objects of the cluster. Raises ClickException in the API server's words."""

    named = kubeconfig or usual_kubeconfig()

    async def connected() -> Result:
        client = Client(await Connection.open(named, context))
        try:
            return await work(Objects(client))
        finally:
            await client.close()

    try:
        return asyncio.run(connected())
    except ConnectionInvalid as error:
        unnamed = (
            "no cluster is named: KUBECONFIG is not set and there is no ~/.kube/config; --kubeconfig FILE names one"
        )
        raise click.ClickException(unnamed if named is None else str(error)) from None
    except ClusterError as error:
        raise click.ClickException(str(error)) from None
