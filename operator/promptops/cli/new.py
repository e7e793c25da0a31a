"""`promptops new`: a commented manifest to begin with."""

from __future__ import annotations

import re
from pathlib import Path

import click

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SCHEMA = "https://raw.githubusercontent.com/promptops/promptops/main/docs/schemas/prompt.json"
_TEMPLATE = """\
# yaml-language-server: $schema={schema}
apiVersion: promptops.io/v1alpha1
kind: Prompt
metadata:
  name: {name}
spec:
  # promptId: team/{name}      # what applications may call it besides its name; never changes once set
  # activeVersion: 1.0.0         # serve this version; without it the source below is served as it is now
  historyLimit: 10               # so many versions made of the source are kept
  source:                        # each change of it becomes an immutable PromptVersion with a number of its own
    content:
      messages:                  # or text: | for a prompt of one piece
        - role: system
          content: |
            You are a helpful assistant. Answer in {{{{ language }}}}.
        - role: user
          content: |
            {{{{ question }}}}
      variables:                 # everything that the templates use; callers must give what has no default
        - name: question
          type: string           # string, integer, number, boolean
          description: What the user wants to know.
          maxLength: 4000
        - name: language
          type: string
          default: English
          enum: [English, French, German]
      parameters:                # handed to the caller with each answer
        temperature: 0.2
        maxTokens: 800
    tests:                       # they run before a version may serve, and wherever you like: promptops test FILE
      - name: answers in the language that is asked for
        variables: {{question: "Where is my book?", language: French}}
        expect:
          - contains: Answer in French.
      - name: an empty call is refused
        expect:
          - error: InvalidVariables
"""


def manifest(name: str) -> str:
    """Return the text of a valid manifest."""
    return _TEMPLATE.format(name=name, schema=SCHEMA)


@click.command()
@click.argument("name")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, which must not exist."
)
def new(name: str, output: Path | None) -> None:
    """Write a commented, valid manifest of a Prompt to begin with."""
    if not _NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} is no name: lower case letters, digits and dashes, at most 63, no dash at an end"
        )
    if output is None:
        click.echo(manifest(name), nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(manifest(name))
    except FileExistsError:
        raise click.ClickException(f"{output} exists already: choose another name, or remove it") from None
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {output}; next: promptops check {output}", err=True)
