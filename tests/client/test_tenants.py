"""Several tenants in one process: each has its own client and shows its own token, and one that nobody added is a clear error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from promptops.client import (
    ClientConfig,
    ConfigurationError,
    PromptOpsError,
    RetryConfig,
    SyncPromptOpsClient,
    TenantClients,
    TenantUnknownError,
)
from tests.client.conftest import ask_with


class Gateway(BaseHTTPRequestHandler):
    """Refuses everything, and says whose token it was shown."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        problem = {
            "title": "No",
            "status": 403,
            "code": "TenantUnknown",
            "detail": self.headers.get("authorization", "none"),
        }
        body = json.dumps(problem).encode()
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(403)
        self.send_header("content-length", str(len(body)))
        self.send_header("promptops-request-id", self.headers.get("promptops-request-id", ""))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the library finds it by this name

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def gateway() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def shown(client: SyncPromptOpsClient) -> str:
    with pytest.raises(PromptOpsError) as refused:
        client.render_prompt("greeting")
    return str(refused.value)


def test_each_tenant_shows_its_own_token(gateway: str) -> None:
    tenants = TenantClients(SyncPromptOpsClient)
    for name in ("acme", "umbrella"):
        tenants.add_tenant(name, ClientConfig(base_url=gateway, token=f"of-{name}", retry=RetryConfig(attempts=1)))

    seen = {name: shown(tenants.of(name)) for name in tenants.names}

    assert seen == {"acme": "Bearer of-acme", "umbrella": "Bearer of-umbrella"}
    for name in tenants.names:
        tenants.remove_tenant(name).close()


@pytest.mark.parametrize("call", [("render_prompt", "greeting"), ("get_prompt", "greeting"), ("list_prompts",)])
def test_every_call_shows_it(gateway: str, kind: str, call: tuple[str, ...]) -> None:
    asked = ask_with(kind, ClientConfig(base_url=gateway, token="secret", retry=RetryConfig(attempts=1)))

    with pytest.raises(PromptOpsError, match="Bearer secret"):
        asked(*call)


def test_a_token_is_read_from_its_file(gateway: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-a-file\n")

    with SyncPromptOpsClient(ClientConfig(base_url=gateway, token_file=tmp_path / "token")) as client:
        assert shown(client) == "Bearer of-a-file"


def test_a_token_stands_in_no_words_about_the_settings() -> None:
    assert "secret" not in repr(ClientConfig(token="secret"))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"token": "two words"}, id="a blank"),
        pytest.param({"token": "a\r\nx: y"}, id="another header"),
        pytest.param({"token": ""}, id="nothing"),
        pytest.param({"token": 7}, id="a number"),
        pytest.param({"token": "a", "token_file": "/b"}, id="both"),
    ],
)
def test_a_token_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ClientConfig(**settings)

    assert "words" not in str(refused.value)


def test_a_tenant_that_nobody_added() -> None:
    tenants = TenantClients(SyncPromptOpsClient)
    tenants.add_tenant("acme", ClientConfig())

    with pytest.raises(TenantUnknownError, match="did you mean acme") as unknown:
        tenants.of("acne")

    assert (unknown.value.suggested_tenants, unknown.value.retryable) == (("acme",), False)


@pytest.mark.parametrize("tenant", ["acme", "", None])
def test_a_tenant_that_cannot_be_added(tenant: Any) -> None:
    tenants = TenantClients(SyncPromptOpsClient)
    tenants.add_tenant("acme", ClientConfig())

    with pytest.raises(ConfigurationError):
        tenants.add_tenant(tenant, ClientConfig())
