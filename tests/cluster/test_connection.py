"""How the API server is reached through a proxy: what the environment says, looked up once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.errors import ApiUnavailable

SERVER = "https://api.example.invalid:6443"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """Of a server that nobody answers for."""
    return described(tmp_path / "kubeconfig", {"server": SERVER})


@pytest.fixture
def with_a_proxy(tmp_path: Path) -> Path:
    """The same server behind a proxy."""
    return described(tmp_path / "kubeconfig", {"server": SERVER, "proxy-url": "http://127.0.0.1:9"})


def described(path: Path, cluster: dict[str, str]) -> Path:
    named = {"cluster": "c", "user": "u"}
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "x", "context": named}],
                "current-context": "x",
            }
        )
    )
    return path


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests say what the environment says."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, None, id="no proxy"),
        pytest.param({"HTTPS_PROXY": "http://127.0.0.1:9"}, "http://127.0.0.1:9", id="for https"),
        pytest.param({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ".invalid"}, None, id="not for this server"),
    ],
)
async def test_the_environment_names_a_proxy(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    connection = await Connection.open(kubeconfig)

    assert connection.configuration.proxy == expected


async def test_the_kubeconfigs_own_proxy_wins(with_a_proxy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    connection = await Connection.open(with_a_proxy)

    assert connection.configuration.proxy == "http://127.0.0.1:9"


async def test_calls_go_through_the_proxy(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    client = Client(await Connection.open(kubeconfig))
    try:
        with pytest.raises(ApiUnavailable) as refusal:
            await client.call("look", "GET", "/version")
    finally:
        await client.close()

    assert "127.0.0.1:1" in str(refusal.value)
