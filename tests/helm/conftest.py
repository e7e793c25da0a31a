"""Fixtures: the real helm, and what it makes of the chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helm.command import Helm


@pytest.fixture(scope="session")
def helm(root: Path, binary: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm for the chart of this repository."""
    return Helm(binary("helm"), root / "helm" / "promptops", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def render(helm: Helm) -> Callable[..., list[dict[str, Any]]]:
    """Return the manifests for `name=value` settings and further arguments of `helm template`."""
    return helm.render
