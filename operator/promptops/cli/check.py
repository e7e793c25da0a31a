"""`promptops check`: what admission and the operator would say of some files, without a cluster."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from promptops.cli.files import read_files
from promptops.workspace.checking import Checked
from promptops.workspace.checking import check as check_files
from promptops.workspace.reports import FORMS, summary

_COLOURS = {"error": "red", "warning": "yellow"}


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice([*FORMS]), default="text", show_default=True, help="How findings are written."
)
@click.option("--partial", is_flag=True, help="The files are not all: what they refer to may exist elsewhere.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
def check(paths: tuple[Path, ...], form: str, partial: bool, strict: bool) -> None:
    """Check manifests: files, folders, or - for standard input.

    Exit code 0: nothing to mend; 1: something is; 2: a file cannot be read.
    """
    checked = check_files(read_files(paths), datetime.now(UTC), partial=partial)
    console = Console()
    if form == "text" and console.is_terminal:
        _show(console, checked)
    else:
        click.echo(FORMS[form](checked))
    sys.exit(bool(checked.count("error") or (strict and checked.count("warning"))))


def _show(console: Console, checked: Checked) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("WHERE", "", "WHAT", "REASON"):
        table.add_column(title, overflow="fold")
    for each in checked.remarks:
        severity = f"[{_COLOURS[each.severity]}]{each.severity}[/]"
        table.add_row(f"{escape(each.file)}:{each.line}:{each.column}", severity, escape(each.sentence), each.reason)
    if checked.remarks:
        console.print(table)
    console.print(f"[bold {'red' if checked.count('error') else 'green'}]{summary(checked)}[/]")
