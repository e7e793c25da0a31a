"""`promptops render`: a prompt of a file with values, as a sidecar would render it, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from promptops.api.content import json_of
from promptops.cli.files import NobodyAnswers, read_files
from promptops.domain.content.canonical import canonical
from promptops.domain.manifests import Manifest, mapping, sequence
from promptops.rendering.errors import PromptError
from promptops.rendering.execute.plan import Plan, plan
from promptops.rendering.execute.rendered import Rendered
from promptops.rendering.payloads.conversation import Conversation, Spoken
from promptops.rendering.payloads.formats import FORMATS, payload, provider_of
from promptops.workspace.content import NoContent, choose, held_by


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--var", "-v", "assignments", multiple=True, metavar="NAME=VALUE", help="A value; JSON unless it is a string's."
)
@click.option("--vars", "values_file", type=click.Path(path_type=Path), help="A file with a JSON object of values.")
@click.option("--prompt", help="Which prompt, when there are several.")
@click.option("--version", help="Which version rather than the active one.")
@click.option("--model", help="The model, as provider/name: a variant that matches it answers.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", *FORMATS]),
    default="text",
    show_default=True,
    help="Text, everything as JSON, or a provider's own request.",
)
@click.option("--strict", is_flag=True, help="A value that nobody declared is an error.")
def render(
    path: Path,
    assignments: tuple[str, ...],
    values_file: Path | None,
    prompt: str | None,
    version: str | None,
    model: str | None,
    form: str,
    strict: bool,
) -> None:
    """Render a prompt of a file or folder (- for standard input) with the values that are given.

    Exit code 1: the values do not fit, or the prompt cannot be served; 2: a file cannot be read.
    """
    try:
        content = choose(held_by(read_files([path]), datetime.now(UTC)), prompt, version).content
        provider, name = _model(model, form)
        made = plan(json_of(canonical(content))).of_model(provider, name)
        given = {**_values(values_file), **_assigned(assignments, content)}
        rendered = made.render(given, strict=strict)
        shown = _shown(made, rendered, form, name)
    except (NoContent, PromptError) as error:
        raise click.ClickException(str(error)) from None
    for warning in rendered.warnings:
        click.echo(f"warning: {warning.detail} [{warning.code}]", err=True)
    if isinstance(shown, str):
        click.echo(shown, nl=not shown.endswith("\n"))
    else:
        _print_messages(rendered)


def _model(written: str | None, form: str) -> tuple[str | None, str | None]:
    """Return provider and name of a model. Who names no provider means the one whose format is asked for."""
    provider, slash, name = (written or "").partition("/")
    spoken = provider_of(form) if form in FORMATS else None
    if slash and (provider in FORMATS or spoken is None):
        return provider, name
    return spoken, written


def _shown(made: Plan, rendered: Rendered, form: str, model: str | None) -> str | None:
    """Return what to print; None for messages on a terminal."""
    if form == "text":
        return None if Console().is_terminal and made.is_chat else rendered.text
    if form == "json":
        said: dict[str, Any] = {
            "rendered_content": rendered.text,
            "messages": rendered.messages,
            "parameters": made.parameters,
        }
        return json.dumps({**said, "variables_used": rendered.variables_used}, indent=2, ensure_ascii=False)
    messages = [Spoken(each["role"], each["content"]) for each in rendered.messages]
    body = payload(form, Conversation(messages, made.parameters, model))
    for warning in body.warnings:
        click.echo(f"warning: {warning.detail} [{warning.code}]", err=True)
    return json.dumps(body.body, indent=2, ensure_ascii=False)


def _print_messages(rendered: Rendered) -> None:
    console = Console(highlight=False)
    for message in rendered.messages:
        console.print(f"[bold cyan]{message['role']}[/]")
        console.print(escape(message["content"]))


def _values(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        return {}
    (data,) = read_files([file]).values()
    try:
        values = json.loads(data)
    except ValueError as error:
        raise NobodyAnswers(f"{file}: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise NobodyAnswers(f"{file}: must be a JSON object: names and values")
    return values


def _assigned(assignments: Iterable[str], content: Manifest) -> dict[str, Any]:
    declared = {each.get("name"): each.get("type") for each in map(mapping, sequence(content.get("variables")))}
    given: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--var {assignment}: write NAME=VALUE")
        given[name] = value if declared.get(name, "string") == "string" else _json(name, value)
    return given


def _json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise click.ClickException(
            f"--var {name}: {value!r} is not JSON, as every value but a string's must be"
        ) from None
