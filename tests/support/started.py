"""The product's processes, started by a module of the tests that changes something in them first."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from promptops.dev.processes import Command

_ROOT = Path(__file__).parents[2]


def started_by(module: str, command: Command, *arguments: str) -> Command:
    """Return the command as `python -m module ARGUMENTS ROLE`; one that is not of the product stays as it is."""
    *_, program, role = ("", *command.arguments)
    if program != "promptops.cli.main":
        return command
    variables = dict(command.environment)
    path = {"PYTHONPATH": f"{variables['PYTHONPATH']}:{_ROOT}"}
    started = (sys.executable, "-m", module, *arguments, role)
    return replace(command, arguments=started, environment=tuple({**variables, **path}.items()))
