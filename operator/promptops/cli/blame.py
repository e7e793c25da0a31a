"""`promptops blame`: what a Prompt served at a time, since when, and who asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from promptops.cli.audit import operator_namespace_option, read_audit_log
from promptops.cli.cluster import which_cluster, with_cluster
from promptops.cluster.journal import Ring
from promptops.cluster.objects import Objects
from promptops.domain.accounts import cause, served_at
from promptops.domain.conditions import timestamp
from promptops.domain.journal import Verified, verify


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read RFC 3339; a time without a zone is UTC."""
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: write it as 2026-01-31T12:00:00Z", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@click.command()
@click.argument("prompt")
@click.option("--at", type=_Moment(), help="When, as 2026-01-31T12:00:00Z. Absent: now.")
@click.option("--namespace", "-n", default="default", show_default=True, help="Where the Prompt is, or was.")
@click.option(
    "--audit-log",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The API server's, which alone knows who it was.",
)
@operator_namespace_option
@which_cluster
def blame(
    prompt: str,
    at: datetime | None,
    namespace: str,
    audit_log: Path | None,
    operator_namespace: str,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Say what a Prompt served at a time: version, digest, since when, instead of what, and by whom.

    By the log of decisions, which `promptops audit verify` checks. Exit code 1: it does not reach back so far, or is
    damaged.
    """

    async def look(objects: Objects) -> Verified:
        return verify(await Ring(objects, operator_namespace).read())

    found = with_cluster(look, kubeconfig, context)
    if found.faults:
        raise click.ClickException(f"the log of decisions is damaged: {found.faults[0]}: see promptops audit verify")
    moment = timestamp(at or datetime.now(UTC))
    decision = served_at(found.entries, namespace, prompt, moment)
    if decision is None:
        since = f"it begins at {found.entries[0]['at']}" if found.entries else "there is none"
        raise click.ClickException(f"no decision on {namespace}/{prompt} before {moment} is in the log: {since}")
    click.echo(_said(decision, moment))
    click.echo(f"by {_who(decision, audit_log)}")


def _said(decision: Mapping[str, Any], moment: str) -> str:
    name = f"{decision['namespace']}/{decision['prompt']}"
    if not decision["to"]:
        return f"{name} at {moment}: nothing, it was deleted at {decision['at']}"
    instead = f"instead of {decision['from']}" if decision.get("from") else "for the first time"
    return f"{name} at {moment}: {decision['to']}\nsince {decision['at']}, {decision['reason']}, {instead}"


def _who(decision: Mapping[str, Any], audit_log: Path | None) -> str:
    if audit_log is None:
        claimed = decision.get("manager") or "unknown"
        return f"whoever wrote as field manager {claimed}, which anybody can call himself: --audit-log says who it was"
    found = cause(read_audit_log(audit_log), decision)
    if found is None:
        return "somebody whom this audit log does not name: a ConfigMap was edited, or it does not reach back so far"
    return f"{found.who} at {found.at}, {found.moved or found.changed}"
