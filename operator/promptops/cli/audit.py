"""`promptops audit`: whether the log of decisions is whole, and who asked for what."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from promptops.cli.cluster import which_cluster, with_cluster
from promptops.cli.files import NobodyAnswers
from promptops.cluster.journal import Ring
from promptops.cluster.objects import Objects
from promptops.cluster.resources import PROMPTS
from promptops.domain.accounts import Activation, activations
from promptops.domain.conditions import timestamp
from promptops.domain.journal import Verified, verify

WRITTEN_WITHIN = timedelta(seconds=30)
"""A decision as young as this need not be in the log yet."""

operator_namespace_option = click.option(
    "--operator-namespace", default="promptops-system", show_default=True, help="Where the log lies."
)


@click.group()
def audit() -> None:
    """Find out who activated what and when, and whether anybody changed the account of it."""


@audit.command("verify")
@click.option("--head", "expected", help="Number and hash that were noted elsewhere: what the log has to contain.")
@operator_namespace_option
@which_cluster
def verify_command(expected: str | None, operator_namespace: str, kubeconfig: Path | None, context: str | None) -> None:
    """Check the log of decisions: every hash, the order, what is missing, and its end against what Prompts say.

    Exit code 1: something is wrong with it, each by its place.
    """

    async def look(objects: Objects) -> Verified:
        before = timestamp(datetime.now(UTC) - WRITTEN_WITHIN)
        prompts = (await objects.list(PROMPTS)).objects
        return verify(await Ring(objects, operator_namespace).read(), prompts, before)

    found = with_cluster(look, kubeconfig, context)
    faults = (*found.faults, *_against(expected, found))
    for fault in faults:
        click.echo(fault, err=True)
    if not found.entries and not faults:
        click.echo(
            f"there is no log of decisions in namespace {operator_namespace}: is that the operator's own?", err=True
        )
        sys.exit(1)
    if faults:
        click.echo(f"the log of decisions is damaged: {len(faults)} faults", err=True)
        sys.exit(1)
    first, last = found.entries[0], found.entries[-1]
    click.echo(f"{len(found.entries)} decisions, {first['seq']} to {last['seq']}, {first['at']} to {last['at']}: whole")
    click.echo(f"head {found.head}")


def _against(expected: str | None, found: Verified) -> Iterator[str]:
    """An end that was noted elsewhere is the one thing that whoever rewrites everything cannot make."""
    if expected is None:
        return
    heads = {f"{each['seq']}:{each.get('hash')}" for each in found.entries}
    if expected not in heads:
        yield f"{expected} is not in the log: it was cut off before that, or written anew, or is older than what is kept"


@audit.command("who")
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--namespace", "-n", help="Only what concerns this namespace.")
@click.option("--prompt", help="Only what concerns this Prompt.")
def who(log: Path, namespace: str | None, prompt: str | None) -> None:
    """Say who activated what, by the API server's audit LOG, one JSON object a line: time, who, what, from -> to.

    What was refused is there too.
    """
    for each in read_audit_log(log):
        is_about = each.name == prompt or (each.resource == "promptversions" and each.name.startswith(f"{prompt}-"))
        if (namespace is None or each.namespace == namespace) and (prompt is None or is_about):
            outcome = "refused" if each.is_refused else "done"
            what = f"{each.namespace}/{each.name}"
            click.echo(f"{each.at}  {outcome}  {each.who}  {what}  {each.moved or each.changed}")


def read_audit_log(path: Path) -> tuple[Activation, ...]:
    """Return the activations in an audit log. Raises NobodyAnswers when a line is none of an audit log's."""

    def events() -> Iterator[dict[str, Any]]:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    event = json.loads(line)
                except ValueError:
                    if line.endswith("\n"):  # the last one may be half written
                        raise NobodyAnswers(f"{path}:{number}: this is no line of an audit log") from None
                    return
                if isinstance(event, dict):
                    yield event

    return tuple(activations(events()))
