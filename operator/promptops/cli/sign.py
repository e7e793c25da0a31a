"""`promptops sign`: somebody stands for versions, where a Tenant activates nothing else."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.cache.signing import PersonalKey
from promptops.cli.files import NobodyAnswers, read_files
from promptops.codegen import yaml_text
from promptops.domain.signatures import key_text
from promptops.workspace.content import NoContent
from promptops.workspace.signing import sign as sign_files


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--key",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your private key, as `openssl genpkey -algorithm ed25519` writes it.",
)
@click.option("--only", "names", multiple=True, help="The name of a PromptVersion; more than once for several.")
@click.option(
    "--public", is_flag=True, help="Print the public key, for require.signature of a Tenant, and sign nothing."
)
def sign(paths: tuple[Path, ...], file: Path, names: tuple[str, ...], public: bool) -> None:
    """Print signatures of the PromptVersions in files, in folders, or on standard input (-).

    Read what you sign: a signature is over the prompt's name, the number, and the digest of the content with all that it
    includes. What is printed is one field of each: for `kubectl apply --server-side --validate=false -f -`, or into git
    as a patch of kustomize.
    """
    try:
        key = PersonalKey(file.read_bytes())
    except ValueError as error:
        raise NobodyAnswers(f"{file}: {error}") from None
    if public:
        click.echo(key_text(key.public))
        return
    if not paths:
        raise click.UsageError("name the files with the versions that you sign")
    try:
        signatures = sign_files(read_files(paths), key, names)
    except NoContent as error:
        raise NobodyAnswers(str(error)) from None
    click.echo("---\n".join(map(yaml_text.dump, signatures)).rstrip("\n"))
