"""Where the command `promptops` begins: with the standard library alone, so that an installation without the command
line's own dependencies says what it lacks."""

from __future__ import annotations

import sys

from promptops.cli.extras import EXTRAS


def main() -> None:
    """Run the command line, or say which extra it wants."""
    try:
        from promptops.cli.main import main as run
    except ModuleNotFoundError as missing:
        if (missing.name or "promptops").startswith("promptops"):
            raise
        sys.exit(_advice(missing.name or "", sys.argv[1:]))
    run()


def _advice(missing: str, arguments: list[str]) -> str:
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    extra = EXTRAS.get(command, "cli")
    return (
        f"Error: the command promptops needs {missing}, which is not installed: pip install 'promptops[{extra}]'\n"
        "What is installed is the client: from promptops.client import PromptOpsClient. Extras: cli (authors, CI), "
        "sidecar, operator."
    )
