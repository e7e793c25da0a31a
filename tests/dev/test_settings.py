"""Where binaries and state lie is decided by three variables, in a fixed order."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops.settings.dev import DevSettings


@pytest.mark.parametrize(
    ("environ", "cache"),
    [
        pytest.param({"PROMPTOPS_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a", id="our own variable wins"),
        pytest.param({"XDG_CACHE_HOME": "/b"}, "/b/promptops", id="then the desktop's"),
        pytest.param({}, str(Path.home() / ".cache" / "promptops"), id="then the home folder"),
    ],
)
def test_cache(environ: dict[str, str], cache: str) -> None:
    assert str(DevSettings.from_environment(environ).cache) == cache


@pytest.mark.parametrize(
    ("environ", "assets"),
    [
        pytest.param({"KUBEBUILDER_ASSETS": "/a"}, Path("/a"), id="given"),
        pytest.param({"KUBEBUILDER_ASSETS": ""}, None, id="empty is not given"),
        pytest.param({}, None, id="not given"),
    ],
)
def test_kubebuilder_assets(environ: dict[str, str], assets: Path | None) -> None:
    assert DevSettings.from_environment(environ).kubebuilder_assets == assets
