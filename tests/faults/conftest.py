"""A whole product of one's own to break: plane, operator, sidecar."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from promptops import codegen
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, Stack, start_stack


@pytest.fixture
def broken_stack(new_plane: Callable[[], Plane]) -> Stack:
    """Operator and sidecar on a plane that nobody else uses."""
    return start_stack(new_plane(), codegen.manifests(NAMESPACE))
