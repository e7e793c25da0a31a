"""`promptops …`: one row per command. A command's module is imported only when it runs, so that an image or
an installation without a part's dependencies still runs the others."""

from __future__ import annotations

import gc
import importlib
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from keyword import iskeyword

import click

from promptops.cli.extras import EXTRAS

COMMANDS: dict[str, str] = {
    "audit": "Say who activated what, and whether the account of it is whole.",
    "backup": "Write what a cluster has of prompts into a folder.",
    "blame": "Say what a prompt served at a time, and by whom.",
    "check": "Check manifests as a cluster would.",
    "codegen": "Write what is generated from the models.",
    "demo": "Show everything on a throw-away control plane.",
    "dev": "Run a throw-away, real Kubernetes control plane.",
    "diff": "Compare a prompt of two files.",
    "export": "Write a version with its digest for another cluster.",
    "gateway": "Render over HTTPS for pods without a sidecar.",
    "import": "Create exported versions in a cluster.",
    "inject": "Print manifests with their sidecars written in.",
    "key": "Print a namespace's key of the mirror in Redis.",
    "new": "Write a commented manifest to begin with.",
    "operator": "Run the operator.",
    "probe": "Ask an installation what pods and the API server ask it.",
    "relay": "Feed sidecars as the operators do, for more of them.",
    "render": "Render a prompt of a file with values.",
    "restore": "Put a backup into a cluster.",
    "sidecar": "Serve prompts to the applications of a pod, or from a directory.",
    "sign": "Sign versions for tenants that require it.",
    "test": "Run the tests of prompts.",
    "verify": "Say who signed versions.",
    "webhook": "Answer the API server at kubectl apply, and give pods their sidecar.",
}
"""Command → its line in the help. The command `x` is the function `x` in the module `promptops.cli.x`; `import_` where Python
has a word of its own."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands this installation has."""
        return [name for name in COMMANDS if find_spec(f"promptops.cli.{_spelt(name)}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; say which extra to install when it lacks a dependency."""
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            with _without_collection():
                command = getattr(importlib.import_module(f"promptops.cli.{_spelt(cmd_name)}"), _spelt(cmd_name))
        except ModuleNotFoundError as missing:
            extra = EXTRAS.get(cmd_name, "cli")
            raise click.ClickException(
                f"`promptops {cmd_name}` needs {missing.name}: pip install 'promptops[{extra}]'"
            ) from None
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


def _spelt(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name


@contextmanager
def _without_collection() -> Iterator[None]:
    """What an import makes stays: looking through it for garbage again and again takes a tenth of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="promptops", prog_name="promptops")
def promptops_command() -> None:
    """Prompts as Kubernetes resources, served to applications from a render cache."""


def main() -> None:
    """Run the command line; whatever goes wrong, no stack trace reaches the terminal."""
    try:
        promptops_command(prog_name="promptops")
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="promptops-", suffix=".txt", delete=False) as report:
            traceback.print_exc(file=report)
        print(f"Error: {type(error).__name__}: {error}\nThis is a bug; details are in {report.name}", file=sys.stderr)
        sys.exit(70)


if __name__ == "__main__":
    main()
