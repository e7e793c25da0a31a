"""A running operator with the rights that the chart gives it, and namespaces to use it in."""

from __future__ import annotations

import pytest

from promptops.dev.stack import Stack
from tests.support.world import World


@pytest.fixture
def world(stack: Stack, stack_namespace: str) -> World:
    """A namespace of the test's own, on the plane of the shared operator."""
    return World(stack.plane, stack_namespace)
