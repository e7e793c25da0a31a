"""The contracts between rooms bind what does not exist yet: a forbidden import fails by the contract's name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LAYERS = "Imports go down only, siblings never meet"
RELAY = "A relay decides nothing, judges nothing and renders nothing"
CLUSTER = "promptops.cluster: who talks to a Kubernetes API, and the development plane"


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """A copy of the source, with the contracts."""
    shutil.copytree(root / "operator" / "promptops", tmp_path / "operator" / "promptops")
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def broken(tree: Path, root: Path) -> list[str]:
    """The names of the contracts that the tree breaks."""
    checked = subprocess.run(
        (root / ".venv" / "bin" / "lint-imports", "--no-cache"),
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "operator")},
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.removesuffix(" BROKEN") for line in checked.stdout.splitlines() if line.endswith(" BROKEN")]


def test_the_tree_keeps_every_contract(tree: Path, root: Path) -> None:
    assert broken(tree, root) == []


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        pytest.param("relay/server", "import kopf", "kopf: the controller alone", id="a relay with kopf"),
        pytest.param("admission/server", "import kopf", "kopf: the controller alone", id="an admission with kopf"),
        pytest.param(
            "rendering/planted",
            "import pydantic",
            "pydantic: the kinds, and those who judge manifests by them",
            id="a renderer with pydantic",
        ),
        pytest.param(
            "relay/trust",
            "import cryptography",
            "cryptography: signatures, certificates",
            id="a relay with cryptography",
        ),
        pytest.param(
            "feed/planted",
            "from promptops.cluster import client",
            CLUSTER,
            id="a feed with a cluster",
        ),
        pytest.param(
            "sidecar/planted", "import prometheus_client", "Prometheus: telemetry alone", id="a count by hand"
        ),
        pytest.param("relay/planted", "import promptops.sidecar", LAYERS, id="siblings that meet"),
        pytest.param("relay/planted", "import promptops.domain.review", RELAY, id="a relay that judges"),
        pytest.param(
            "gateway/planted", "import promptops.cluster.objects", CLUSTER, id="a gateway that asks the API server"
        ),
        pytest.param("domain/planted", "from promptops.cache import store", LAYERS, id="an arrow up"),
        pytest.param("lobby/__init__", "", LAYERS, id="a room that nobody named"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(tree: Path, root: Path, module: str, line: str, contract: str) -> None:
    planted = tree / "operator" / "promptops" / f"{module}.py"
    planted.parent.mkdir(exist_ok=True)
    (planted.parent / "__init__.py").touch()
    planted.write_text(f"{line}\n")

    assert contract in broken(tree, root)
