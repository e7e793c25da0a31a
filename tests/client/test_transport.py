"""What a client makes of a sidecar that is not there, silent, or something else; and how light it is."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from promptops.api.http import REQUEST_ID_HEADER, Problem
from promptops.client import (
    AuthenticationError,
    AuthorizationError,
    CacheConfig,
    CacheLevel,
    ClientConfig,
    NetworkError,
    PromptOpsClient,
    PromptOpsError,
    RateLimitError,
    ServerError,
    SyncPromptOpsClient,
    TimeoutError,
    ValidationError,
)
from promptops.client import config as client_config
from promptops.dev.ports import free_ports
from tests.client.conftest import ask_with
from tests.support.manifests import sourced
from tests.support.sidecar import Sidecar, Start, sidecars, write

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

    assert str(caught.value).startswith(f"nothing listens at http://127.0.0.1:{port}: start a sidecar (promptops ")
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
    ask = ask_with(kind, ClientConfig(base_url=answering(b"\x00\x01\x02\r\n\r\n")))

    with pytest.raises(NetworkError):
        ask("list_prompts")
    with pytest.raises(ServerError, match="is something else listening there"):
        ask("render_prompt", "greeting")


def test_an_answer_to_another_question_is_not_taken(kind: str, sidecar: Sidecar, answering: Serve) -> None:
    genuine = sidecar.render("greeting", {"name": "Ada"})
    url = answering(http(200, genuine.content, f"{REQUEST_ID_HEADER}: another"))

    with pytest.raises(ServerError) as caught:
        ask_with(kind, ClientConfig(base_url=url))("render_prompt", "greeting", {"name": "Bob"})

    assert caught.value.error_code == "UnexpectedAnswer"


def test_a_refusal_is_read_while_the_question_is_still_being_sent(kind: str) -> None:
    problem = msgspec.json.encode(Problem(title="T", status=413, code="RequestTooLarge", detail="too large"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def refuse() -> None:
            connection, _ = listener.accept()
            held.append(connection)
            connection.recv(1024)
            connection.sendall(http(413, problem))  # and read nothing more

        threading.Thread(target=refuse, daemon=True).start()
        config = ClientConfig(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=30)
        with pytest.raises(ValidationError) as caught:
            ask_with(kind, config)("render_prompt", "greeting", {"name": "x" * 20_000_000})
        held[0].close()

    assert caught.value.error_code == "RequestTooLarge"


@pytest.mark.parametrize("method", ["render_prompt", "list_prompts"])
def test_it_is_said_what_to_do_where_nothing_listens(kind: str, tmp_path: Path, method: str) -> None:
    arguments = ["greeting"] if method == "render_prompt" else []
    (port,) = free_ports(1)

    for where in ({"socket": tmp_path / "none.sock"}, {"base_url": f"http://127.0.0.1:{port}"}):
        with pytest.raises(NetworkError) as caught:
            ask_with(kind, ClientConfig(**where))(method, *arguments)

        for word in ("nothing listens at", str(*where.values()), "promptops sidecar --directory", "PROMPTOPS_URL"):
            assert word in str(caught.value)


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["silent", "dripping"])
def test_a_render_ends_in_time(kind: str, drip: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def say_little() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(drip)
                while connection.recv(65536):
                    connection.sendall(b"x: y\r\n" if drip else b"")

        threading.Thread(target=say_little, daemon=True).start()
        config = ClientConfig(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.2)
        with pytest.raises(TimeoutError, match="did not answer in time"):
            ask_with(kind, config)("render_prompt", "greeting")


async def test_calls_beyond_the_connections_wait_for_their_turn(sidecar: Sidecar) -> None:
    async with PromptOpsClient(ClientConfig(socket=sidecar.socket, max_connections=1)) as client:
        answers = await asyncio.gather(*(client.render_prompt("greeting", {"name": str(n)}) for n in range(20)))

    assert [answer.rendered_content for answer in answers] == [f"Hello {number}" for number in range(20)]


def test_threads_beyond_the_connections_wait_for_their_turn(sidecar: Sidecar) -> None:
    with (
        SyncPromptOpsClient(ClientConfig(socket=sidecar.socket, max_connections=2, timeout_seconds=60)) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        answers = list(threads.map(lambda n: client.render_prompt("greeting", {"name": str(n)}), range(200)))

    assert [answer.rendered_content for answer in answers] == [f"Hello {number}" for number in range(200)]


def test_connections_are_kept(sidecar: Sidecar) -> None:
    with SyncPromptOpsClient(socket=sidecar.socket) as client:
        client.render_prompt("greeting", {"name": "Ada"})
        before = descriptors()
        for number in range(20):
            client.render_prompt("greeting", {"name": str(number)})

        after = descriptors()

    # What neighbours left in this process may be closed meanwhile, and a little of theirs may be opened.
    assert after < before + 20


@pytest.fixture
def start_sidecar() -> Iterator[Start]:
    """Start a sidecar; it ends with the test."""
    yield from sidecars()


def test_a_sidecar_that_was_restarted_is_found_again(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "p.yaml", sourced("plain", {"text": "plain"}))
    first = start_sidecar(tmp_path)
    with SyncPromptOpsClient(ClientConfig(socket=first.socket, timeout_seconds=20)) as client:
        client.render_prompt("plain")
        first.stop()
        start_sidecar(tmp_path, PROMPTOPS_SOCKET=str(first.socket), PROMPTOPS_DIRECTORY=str(tmp_path))

        answer = client.render_prompt("plain")

    assert answer.rendered_content == "plain"


def test_a_render_outlasts_the_restart_of_its_sidecar(kind: str, start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "p.yaml", sourced("plain", {"text": "plain"}))
    first = start_sidecar(tmp_path)

    def restart() -> None:
        first.process.kill()
        start_sidecar(tmp_path, PROMPTOPS_SOCKET=str(first.socket), PROMPTOPS_DIRECTORY=str(tmp_path))

    with ThreadPoolExecutor(1) as threads:
        answers = render_during(kind, ClientConfig(socket=first.socket, timeout_seconds=60), threads, restart)

    assert set(answers) == {"plain"}


def render_during(kind: str, config: ClientConfig, threads: ThreadPoolExecutor, fault: Callable[[], None]) -> list[str]:
    """Render through one client, from before a fault until after it; return all texts."""

    def through_sync() -> list[str]:
        with SyncPromptOpsClient(config) as client:
            texts = [client.render_prompt("plain").rendered_content]
            running = threads.submit(fault)
            while not running.done():
                texts.append(client.render_prompt("plain").rendered_content)
            running.result()
            return [*texts, client.render_prompt("plain").rendered_content]

    async def through_async() -> list[str]:
        async with PromptOpsClient(config) as client:
            texts = [(await client.render_prompt("plain")).rendered_content]
            running = threads.submit(fault)
            while not running.done():
                texts.append((await client.render_prompt("plain")).rendered_content)
            running.result()
            return [*texts, (await client.render_prompt("plain")).rendered_content]

    return through_sync() if kind == "sync" else asyncio.run(through_async())


def test_a_sidecar_that_stays_away_is_given_up_in_time_and_named(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "p.yaml", sourced("plain", {"text": "plain"}))
    running = start_sidecar(tmp_path)

    asks_each_time = ClientConfig(socket=running.socket, timeout_seconds=1, cache=CacheConfig(CacheLevel.NONE))
    with SyncPromptOpsClient(asks_each_time) as client:
        client.render_prompt("plain")
        running.stop()
        begun = time.monotonic()
        with pytest.raises(NetworkError, match="nothing listens at"):
            client.render_prompt("plain")

    assert 0.5 < time.monotonic() - begun < 10


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_proxy_of_the_environment_comes_in_between(
    kind: str, sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert len(ask_with(kind, ClientConfig(base_url=sidecar.url))("list_prompts")) == 7


def test_the_default_socket_is_used_when_it_is_there(
    sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_config, "DEFAULT_SOCKET", tmp_path / "none.sock")
    without = ClientConfig().place()
    monkeypatch.setattr(client_config, "DEFAULT_SOCKET", sidecar.socket)

    with SyncPromptOpsClient() as client:
        answer = client.health_check()

    assert (without.socket, without.url) == (None, "http://127.0.0.1:8181")
    assert answer.status == "healthy"


async def test_many_calls_at_once(sidecar: Sidecar) -> None:
    async with PromptOpsClient(socket=sidecar.socket) as client:
        calls = [client.render_prompt("greeting", variables={"name": str(number)}) for number in range(200)]

        answers = await asyncio.gather(*calls)

    assert [answer.rendered_content for answer in answers] == [f"Hello {number}" for number in range(200)]
