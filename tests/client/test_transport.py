"""What a client makes of a sidecar that is not there, silent, or something else; and how light it is."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from promptops.api.http import Problem
from promptops.client import (
    AuthenticationError,
    AuthorizationError,
    ClientConfig,
    NetworkError,
    PromptOpsClient,
    PromptOpsError,
    RateLimitError,
    ServerError,
    SyncPromptOpsClient,
    TimeoutError,
)
from promptops.client import config as client_config
from promptops.dev.ports import free_ports
from tests.client.conftest import ask_with
from tests.sidecar.process import ROOT, Sidecar

Serve = Callable[[bytes | None], str]


@pytest.fixture
def answering() -> Iterator[Serve]:
    """Listen on a port and answer everything with these bytes; None: say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent: list[socket.socket] = []

        def answer(data: bytes | None) -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    if data is None:
                        silent.append(connection)
                        continue
                    with connection:
                        connection.recv(65536)
                        connection.sendall(data)

        def serve(data: bytes | None) -> str:
            threading.Thread(target=answer, args=(data,), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield serve
        listener.shutdown(socket.SHUT_RDWR)
        for connection in silent:
            connection.close()


def http(status: int, body: bytes, *headers: str) -> bytes:
    head = "".join(f"{header}\r\n" for header in (f"Content-Length: {len(body)}", "Connection: close", *headers))
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


def test_nobody_listens(kind: str) -> None:
    (port,) = free_ports(1)

    with pytest.raises(NetworkError) as caught:
        ask_with(kind, ClientConfig(base_url=f"http://127.0.0.1:{port}"))("list_prompts")

    assert str(caught.value) == f"the sidecar at http://127.0.0.1:{port} cannot be reached: ConnectError"
    assert caught.value.error_code == "NetworkError"
    assert caught.value.retryable is True


def test_no_socket(kind: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError) as caught:
        ask_with(kind, ClientConfig(socket=tmp_path / "none.sock"))("list_prompts")

    assert str(tmp_path / "none.sock") in str(caught.value)


def test_a_silent_sidecar(kind: str, answering: Serve) -> None:
    with pytest.raises(TimeoutError) as caught:
        ask_with(kind, ClientConfig(base_url=answering(None), timeout_seconds=0.1))("list_prompts")

    assert caught.value.retryable is True


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationError),
        (403, AuthorizationError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
        (418, ServerError),
    ],
)
def test_a_problem(kind: str, answering: Serve, status: int, error: type[PromptOpsError]) -> None:
    problem = Problem(title="T", status=status, code="TheCode", detail="the detail", retryable=status == 503)
    url = answering(http(status, msgspec.json.encode(problem), "Retry-After: 7"))

    with pytest.raises(error) as caught:
        ask_with(kind, ClientConfig(base_url=url))("list_prompts")

    assert (str(caught.value), caught.value.error_code) == ("the detail", "TheCode")
    assert caught.value.retryable is (status == 503)
    assert not isinstance(caught.value, RateLimitError) or caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(200, b"<html>"), id="a page"),
        pytest.param(http(200, b'{"prompts": 1}'), id="other JSON"),
        pytest.param(http(404, b"not found"), id="an error of somebody else"),
        pytest.param(http(500, b"[" * 100_000), id="a deep error"),
        pytest.param(http(302, b"", "Location: http://127.0.0.1:1/"), id="a redirection"),
    ],
)
def test_something_else_listens(kind: str, answering: Serve, answer: bytes) -> None:
    with pytest.raises(ServerError) as caught:
        ask_with(kind, ClientConfig(base_url=answering(answer)))("list_prompts")

    assert caught.value.error_code == "UnexpectedAnswer"
    assert "is something else listening there?" in str(caught.value)


def test_what_is_not_http(kind: str, answering: Serve) -> None:
    with pytest.raises(NetworkError):
        ask_with(kind, ClientConfig(base_url=answering(b"\x00\x01\x02\r\n\r\n")))("list_prompts")


def test_no_proxy_of_the_environment_comes_in_between(
    kind: str, sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert len(ask_with(kind, ClientConfig(base_url=sidecar.url))("list_prompts")) == 6


def test_the_default_socket_is_used_when_it_is_there(
    sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_config, "DEFAULT_SOCKET", tmp_path / "none.sock")
    without = ClientConfig().place()
    monkeypatch.setattr(client_config, "DEFAULT_SOCKET", sidecar.socket)

    with SyncPromptOpsClient() as client:
        answer = client.health_check()

    assert without == (None, "http://127.0.0.1:8181")
    assert answer.status == "healthy"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"socket": "s", "base_url": "http://x"}, "give socket or base_url, not both"),
        ({"base_url": "127.0.0.1:8181"}, "base_url must begin with http:// or https://"),
        ({"timeout_seconds": 0}, "timeout_seconds must be above 0"),
    ],
)
def test_impossible_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ClientConfig(**settings)


async def test_many_calls_at_once(sidecar: Sidecar) -> None:
    async with PromptOpsClient(socket=sidecar.socket) as client:
        calls = [client.render_prompt("greeting", variables={"name": str(number)}) for number in range(200)]

        answers = await asyncio.gather(*calls)

    assert [answer.rendered_content for answer in answers] == [f"Hello {number}" for number in range(200)]


def test_importing_the_client_loads_no_server_and_no_operator() -> None:
    heavy = ("kopf", "kubernetes", "starlette", "uvicorn", "pydantic", "cryptography", "prometheus_client", "yaml")
    program = f"import promptops.client, sys; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT / "operator")}, capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")
