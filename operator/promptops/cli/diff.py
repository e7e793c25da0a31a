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
from promptops.workspace.changes import ContentChange
from promptops.workspace.compare import SECTIONS, Comparison, compare
from promptops.workspace.content import HeldContent, NoContent, choose, held_by
from promptops.workspace.wording import Piece

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
@click.option(
    "--output", "--format", "-o", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="For people, in colours on a terminal, or as data.",
)  # fmt: skip
def diff(before: Path, after: Path, prompt: str | None, versions: tuple[str, str] | None, form: str) -> None:
    """Compare the prompt of two files or folders.

    Texts by lines and words, everything else by field. Exit code 0: equal; 1: different; 2: a file cannot be read, or
    has no such prompt.
    """
    first, second = versions or (None, None)
    old, new = _held(before, prompt, first), _held(after, prompt, second)
    found = compare(old.content, new.content, old.spec, new.spec)
    if form == "json":
        click.echo(json.dumps(_as_json(old, new, found), indent=2, ensure_ascii=False))
    else:
        _show(Console(highlight=False, soft_wrap=True), old, new, found)
    sys.exit(not found.is_empty)


def _held(path: Path, prompt: str | None, version: str | None) -> HeldContent:
    try:
        return choose(held_by(read_files([path]), datetime.now(UTC)), prompt, version)
    except NoContent as error:
        raise NobodyAnswers(f"{path}: {error}") from None


def _show(console: Console, old: HeldContent, new: HeldContent, found: Comparison) -> None:
    console.print(Text(f"{old.prompt} {old.version} → {new.prompt} {new.version}", "bold"))
    is_marked = console.color_system is None or console.no_color
    meaning = "the contents are equal" if found.grade is None else f"{found.grade}: {_MEANING[found.grade]}"
    console.print(meaning)
    if found.prefix is not None:
        where = f"message {found.prefix.message + 1}, character {found.prefix.character + 1}"
        console.print(Text(f"prefix caches miss from {where}", "yellow"))
    for change in found.texts:
        console.print(Text(f"\n{change.path}", "bold cyan"))
        console.print(_written(change.pieces, marked=is_marked), end="")
    for title in SECTIONS:
        if changes := found.sections[title]:
            console.print(Text(f"\n{title}", "bold cyan"))
        for each in changes:
            console.print(_line(each))


def _written(pieces: tuple[Piece, ...], *, marked: bool) -> Text:
    said = Text()
    for piece in pieces:
        before, after = _MARKS[piece.kind] if marked else ("", "")
        said.append(f"{before}{piece.text}{after}", "" if marked else _STYLES[piece.kind])
    return said if said.plain.endswith("\n") else said.append("\n")


def _line(change: ContentChange) -> Text:
    match change.kind:
        case "added":
            return Text(f"+ {change.path}: {_short(change.after)}", "green")
        case "removed":
            return Text(f"- {change.path}: {_short(change.before)}", "red")
        case "changed":
            return Text(f"~ {change.path}: {_short(change.before)} → {_short(change.after)}", "yellow")


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_json(old: HeldContent, new: HeldContent, found: Comparison) -> dict[str, Any]:
    return {
        "before": {"prompt": old.prompt, "version": old.version},
        "after": {"prompt": new.prompt, "version": new.version},
        "grade": found.grade,
        "texts": [
            {"path": change.path, "pieces": [{"kind": each.kind, "text": each.text} for each in change.pieces]}
            for change in found.texts
        ],
        **{title: [_as_data(change) for change in found.sections[title]] for title in SECTIONS},
        "prefix": found.prefix and {"message": found.prefix.message, "character": found.prefix.character},
    }


def _as_data(change: ContentChange) -> dict[str, Any]:
    """What was not there has no key: null is a value."""
    said = {"path": change.path, "kind": change.kind, "before": change.before, "after": change.after}
    absent = {"added": "before", "removed": "after"}.get(change.kind)
    return {key: value for key, value in said.items() if key != absent}
