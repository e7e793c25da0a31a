"""A fixture for pytest. In a conftest: `pytest_plugins = ["promptops.client.testing.plugin"]`."""

from __future__ import annotations

import pytest

from promptops.client.testing.fake import FakeSidecar


@pytest.fixture
def promptops_sidecar() -> FakeSidecar:
    """A fake sidecar without any prompt yet."""
    return FakeSidecar()
