"""A sidecar loads what its supply needs, and nothing of the other."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "foreign"),
    [
        pytest.param(
            ("promptops.cli.sidecar", "promptops.sidecar.process", "promptops.sidecar.directory"),
            {"httpx", "cryptography", "promptops.feed.connection", "promptops.feed.follow", "promptops.cache.tiers"},
            id="a directory needs no feed",
        ),
        pytest.param(
            ("promptops.cli.sidecar", "promptops.sidecar.process", "promptops.sidecar.feed"),
            {"pydantic", "yaml", "re2", "promptops.workspace"},
            id="a feed needs no checks of manifests",
        ),
    ],
)
def test_a_sidecar_loads_what_its_supply_needs(modules: tuple[str, ...], foreign: set[str]) -> None:
    program = f"import sys, {', '.join(modules)}; print(*{foreign} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
