"""`promptops diff`: what changed between two manifests, and what it means to callers."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from promptops.cli.files import NobodyAnswers, read_files
from promptops.workspace.compare import Comparison, ContentChange, Piece, compare
from promptops.workspace.content import HeldContent, NoContent, choose, held_by

_STYLES = {"same": "", "removed": "red strike", "added": "green"}
_MARKS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
_MEANING = {
    "patch": "callers notice nothing but the text",
    "minor": "every call that worked goes on working",
    "major": "calls that worked may be refused: a Prompt serves it once acceptBreaking names it",
}


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--prompt", help="Which prompt, when there are several.")
@click.option("--version", "versions", nargs=2, help="Which versions rather than the active ones: one of each file.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def diff(before: Path, after: Path, prompt: str | None, versions: tuple[str, str] | None, form: str) -> None:
    """Compare the prompt of two files or folders.

    Exit code 0: equal; 1: different; 2: a file cannot be read, or has no such prompt.
    """
    first, second = versions or (None, None)
    old, new = _held(before, prompt, first), _held(after, prompt, second)
    found = compare(old.content, new.content)
    if form == "json":
        click.echo(json.dumps(_as_json(old, new, found), indent=2, ensure_ascii=False))
    else:
        _show(Console(highlight=False, soft_wrap=True), old, new, found)
    sys.exit(found.grade is not None)


def _held(path: Path, prompt: str | None, version: str | None) -> HeldContent:
    try:
        return choose(held_by(read_files([path]), datetime.now(UTC)), prompt, version)
    except NoContent as error:
        raise NobodyAnswers(f"{path}: {error}") from None


def _show(console: Console, old: HeldContent, new: HeldContent, found: Comparison) -> None:
    console.print(Text(f"{old.prompt} {old.version} → {new.prompt} {new.version}", "bold"))
    if found.grade is None:
        console.print("the contents are equal")
        return
    console.print(f"{found.grade}: {_MEANING[found.grade]}")
    if found.prefix is not None:
        where = f"message {found.prefix.message + 1}, character {found.prefix.character + 1}"
        console.print(Text(f"prefix caches miss from {where}", "yellow"))
    for path, pieces in found.texts:
        console.print(Text(f"\n{path}", "bold cyan"))
        console.print(_written(pieces, marked=not console.is_terminal), end="")
    for title, changes in (("variables", found.variables), ("fields", found.rest)):
        if changes:
            console.print(Text(f"\n{title}", "bold cyan"))
        for change in changes:
            console.print(_line(change))


def _written(pieces: tuple[Piece, ...], *, marked: bool) -> Text:
    said = Text()
    for piece in pieces:
        before, after = _MARKS[piece.kind] if marked else ("", "")
        said.append(f"{before}{piece.text}{after}", _STYLES[piece.kind])
    return said if said.plain.endswith("\n") else said.append("\n")


def _line(change: ContentChange) -> Text:
    if change.before is None:
        return Text(f"+ {change.path}: {_short(change.after)}", "green")
    if change.after is None:
        return Text(f"- {change.path}: {_short(change.before)}", "red")
    return Text(f"~ {change.path}: {_short(change.before)} → {_short(change.after)}", "yellow")


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_json(old: HeldContent, new: HeldContent, found: Comparison) -> dict[str, Any]:
    def changes(each: tuple[ContentChange, ...]) -> list[dict[str, Any]]:
        return [{"path": change.path, "before": change.before, "after": change.after} for change in each]

    return {
        "before": {"prompt": old.prompt, "version": old.version},
        "after": {"prompt": new.prompt, "version": new.version},
        "grade": found.grade,
        "texts": [
            {"path": path, "pieces": [{"kind": each.kind, "text": each.text} for each in pieces]}
            for path, pieces in found.texts
        ],
        "variables": changes(found.variables),
        "fields": changes(found.rest),
        "prefix": found.prefix and {"message": found.prefix.message, "character": found.prefix.character},
    }
