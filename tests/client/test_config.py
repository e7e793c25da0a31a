"""Where a client looks for its sidecar, what it is told when that cannot be, and how light it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from promptops.client import ClientConfig, ConfigurationError, SyncPromptOpsClient
from tests.support.sidecar import ROOT, Sidecar

SOCKET_PATH = "/tmp/x.sock"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"socket": "s", "base_url": "http://x"}, "give socket or base_url, not both"),
        ({"base_url": "127.0.0.1:8181"}, "base_url is '127.0.0.1:8181'; it must begin with http:// or https://"),
        ({"base_url": b"http://x"}, "base_url must be a string, not bytes"),
        ({"base_url": "http://127.0.0.1:99999"}, "Port out of range 0-65535"),
        ({"base_url": "http://127.0.0.1:x"}, "Port could not be cast to integer"),
        ({"base_url": "http://[::1"}, "Invalid IPv6 URL"),
        ({"base_url": "http://[::zz]:1"}, "base_url is 'http://[::zz]:1'"),
        ({"base_url": "http://"}, "it must be like http://127.0.0.1:8181"),
        ({"base_url": "http://a..b"}, "it must be like http://127.0.0.1:8181"),
        ({"base_url": "http://x/?a=b"}, "it must be like http://127.0.0.1:8181"),
        ({"base_url": "http://x/#a"}, "it must be like http://127.0.0.1:8181"),
        ({"base_url": "http://x y"}, "it must be like http://127.0.0.1:8181"),
        ({"base_url": "http://x\r\ny: z"}, "it must be like http://127.0.0.1:8181"),
        ({"base_url": "http://\u00e4.example"}, "it must be like http://127.0.0.1:8181"),
        ({"socket": ""}, "socket is ''; it must be the path of a Unix socket"),
        ({"socket": "/tmp/a\0b"}, "it must be the path of a Unix socket"),
        ({"socket": "/tmp/" + "a" * 200}, "socket is longer than the 107 bytes"),
        ({"socket": b"/tmp/x"}, "socket must be the path of a Unix socket, not bytes"),
        ({"socket": 7}, "socket must be the path of a Unix socket, not int"),
        ({"socket": "\ud800"}, "which no file can be named"),
        ({"timeout_seconds": 0}, "timeout_seconds must be a number above 0 and at most 86400, not 0"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds must be a number above 0"),
        ({"timeout_seconds": float("inf")}, "timeout_seconds must be a number above 0"),
        ({"timeout_seconds": "5"}, "timeout_seconds must be a number above 0"),
        ({"timeout_seconds": None}, "timeout_seconds must be a number above 0"),
        ({"timeout_seconds": True}, "timeout_seconds must be a number above 0"),
        ({"max_connections": 0}, "max_connections must be a whole number above 0"),
        ({"max_connections": 2.5}, "max_connections must be a whole number above 0"),
        ({"max_connections": 10**400}, "max_connections must be a whole number above 0"),
    ],
)
def test_impossible_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        ClientConfig(**settings)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig(base_url="http://me:canary@127.0.0.1")

    assert str(caught.value) == "base_url must not hold a user or a password"


def test_a_configuration_and_a_place_beside_it() -> None:
    with pytest.raises(ConfigurationError, match="within the ClientConfig, or no ClientConfig"):
        SyncPromptOpsClient(ClientConfig(), socket=SOCKET_PATH)  # type: ignore[call-overload,unused-ignore]


@pytest.mark.parametrize(
    ("url", "address", "prefix"),
    [
        ("http://127.0.0.1:8181", ("127.0.0.1", 8181), ""),
        ("http://127.0.0.1:8181/", ("127.0.0.1", 8181), ""),
        ("http://localhost", ("localhost", 80), ""),
        ("https://prompts.example.", ("prompts.example.", 443), ""),
        ("http://[::1]:1/a/b/", ("::1", 1), "/a/b"),
    ],
)
def test_a_url(url: str, address: tuple[str, int], prefix: str) -> None:
    place = ClientConfig(base_url=url).place()

    assert (place.address, place.prefix, place.socket) == (address, prefix, None)


@pytest.mark.parametrize(
    ("settings", "variables", "name"),
    [
        pytest.param({}, {"PROMPTOPS_URL": "http://a"}, "http://a", id="the environment's URL"),
        pytest.param({}, {"PROMPTOPS_SOCKET": SOCKET_PATH}, SOCKET_PATH, id="its socket"),
        pytest.param({}, {"PROMPTOPS_URL": "http://a", "PROMPTOPS_SOCKET": "/s"}, "/s", id="the socket is nearer"),
        pytest.param({"base_url": "http://b"}, {"PROMPTOPS_SOCKET": SOCKET_PATH}, "http://b", id="the argument wins"),
        pytest.param({"socket": "b"}, {"PROMPTOPS_URL": "nonsense"}, "b", id="what is not looked at may be wrong"),
        pytest.param({}, {"PROMPTOPS_URL": "", "PROMPTOPS_SOCKET": ""}, "http://127.0.0.1:8181", id="empty is unset"),
    ],
)
def test_the_environment(
    settings: dict[str, Any], variables: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PROMPTOPS_URL", "PROMPTOPS_SOCKET"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)

    assert ClientConfig(**settings).place().name == name


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PROMPTOPS_URL": "127.0.0.1:1"}, "PROMPTOPS_URL is '127.0.0.1:1'; it must begin with http://"),
        ({"PROMPTOPS_SOCKET": "/" + "a" * 200}, "PROMPTOPS_SOCKET is longer than"),
    ],
)
def test_an_impossible_environment(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=re.escape(message)):
        SyncPromptOpsClient()


def test_a_client_finds_its_sidecar_by_the_environment(sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTOPS_URL", sidecar.url)

    with SyncPromptOpsClient() as client:
        answer = client.render_prompt(prompt_id="greeting", variables={"name": "Ada"})

    assert answer.rendered_content == "Hello Ada"


def loaded(statement: str) -> set[str]:
    """Return the modules that a statement loads in a fresh interpreter."""
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT / "operator")}, capture_output=True, text=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_importing_the_client_is_light() -> None:
    servers = {"kopf", "kubernetes", "starlette", "uvicorn", "yaml", "structlog", "click"}
    heavy = {"pydantic", "cryptography", "prometheus_client", "httpx", "anyio", "jinja2"}

    ours, asyncio_alone = loaded("import promptops.client"), loaded("import asyncio, msgspec")

    assert ours & (servers | heavy) == set()
    assert len(ours) < 1.5 * len(asyncio_alone)


@pytest.mark.parametrize("way", ["socket", "base_url"])
def test_a_render_loads_nothing_heavy_either(sidecar: Sidecar, way: str) -> None:
    place = str(sidecar.socket) if way == "socket" else sidecar.url
    calls = f"c = promptops.client.SyncPromptOpsClient({way}={place!r}); c.render_prompt('two')"

    ours = loaded(f"import promptops.client; {calls}; c.close()")

    assert ours & {"httpx", "pydantic", "cryptography", "structlog", "anyio", "jinja2"} == set()


@pytest.mark.parametrize("path", [Path("x"), "x"])
def test_a_socket_by_path_or_string(path: str | Path) -> None:
    assert ClientConfig(socket=path).place().socket == "x"
