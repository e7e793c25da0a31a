"""A running operator and a namespace to lose things in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from promptops.dev.stack import Stack
from tests.support.world import World


@pytest.fixture
def world(stack: Stack, stack_namespace: str) -> World:
    """A namespace of the test's own, on the plane of the shared operator."""
    return World(stack.plane, stack_namespace)


@pytest.fixture
def run(world: World) -> Callable[..., Result]:
    """Run a command on the plane, as the administrator unless another kubeconfig is named."""

    def run(command: Any, *arguments: str) -> Result:
        options = () if "--kubeconfig" in arguments else ("--kubeconfig", str(world.plane.kubeconfig))
        return CliRunner().invoke(command, [*arguments, *options])

    return run
