"""A whole product of one's own to break: plane, operator, sidecar."""

from __future__ import annotations

import pytest

from promptops import codegen
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, Stack, start_stack


@pytest.fixture(scope="module")
def broken_stack(file_plane: Plane) -> Stack:
    """Operator and sidecar on a plane that no other file uses."""
    return start_stack(file_plane, codegen.manifests(NAMESPACE))
