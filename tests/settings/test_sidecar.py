"""What a sidecar's settings are when nobody sets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops.settings.sidecar import SidecarSettings


@pytest.mark.parametrize(
    ("environment", "directory", "address"),
    [
        pytest.param({}, None, "0.0.0.0:8182", id="in a pod kubelet and Prometheus ask from outside"),
        pytest.param({}, Path("prompts"), "127.0.0.1:8182", id="over a directory nobody does"),
        pytest.param({"PROMPTOPS_DIRECTORY": "x"}, None, "127.0.0.1:8182", id="nor when the environment names it"),
        pytest.param(
            {"PROMPTOPS_OPERATIONS_ADDRESS": "0.0.0.0:1"}, Path("x"), "0.0.0.0:1", id="whoever says so is heard"
        ),
    ],
)
def test_where_a_sidecar_is_asked_about_itself(
    environment: dict[str, str], directory: Path | None, address: str
) -> None:
    assert SidecarSettings.from_environment(environment, directory).operations_address == address
