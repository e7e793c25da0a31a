"""`promptops test`: the tests of prompts, as they run before a version may serve, without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from promptops.cli.files import NobodyAnswers, read_files
from promptops.workspace.content import NoContent
from promptops.workspace.results import RESULTS, as_junit, summary
from promptops.workspace.testing import Tested, run_tests


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice([*RESULTS]),
    default="text",
    show_default=True,
    help="How results are written.",
)
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a JUnit report to this file as well."
)
@click.option("--require", "required", is_flag=True, help="What has no tests fails, as where a Tenant requires them.")
def test(paths: tuple[Path, ...], form: str, junit: Path | None, required: bool) -> None:
    """Run the tests of prompts: files, folders, or - for standard input.

    Exit code 0: all passed; 1: one failed, or a prompt cannot be tested; 2: a file cannot be read.
    """
    try:
        tested = run_tests(read_files(paths), required=required)
    except NoContent as error:
        raise NobodyAnswers(str(error)) from None
    if junit is not None:
        _write(junit, as_junit(tested))
    console = Console()
    if form == "text" and console.is_terminal:
        _show(console, tested)
    else:
        click.echo(RESULTS[form](tested).rstrip("\n"))
    sys.exit(any(one.failures for one in tested))


def _show(console: Console, tested: Sequence[Tested]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("PROMPT", "TEST", "", "WHY"):
        table.add_column(title, overflow="fold")
    for one in tested:
        if one.problem is not None:
            table.add_row(one.subject, "", "[red]failed[/]", escape(one.problem))
        for each in one.tests:
            ended = "[green]passed[/]" if each.objection is None else "[red]failed[/]"
            table.add_row(one.subject, escape(each.name), ended, escape(each.objection or ""))
    if tested:
        console.print(table)
    failed = any(one.failures for one in tested)
    console.print(f"[bold {'red' if failed else 'green'}]{summary(tested)}[/]")


def _write(file: Path, report: str) -> None:
    try:
        file.write_text(report, encoding="utf-8")
    except OSError as error:
        raise NobodyAnswers(f"{file} cannot be written: {error.strerror}") from None
