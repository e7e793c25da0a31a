"""A sidecar as a process: sockets, signals, settings, and what it never says outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from promptops.dev.ports import free_ports
from tests.support.manifests import sourced
from tests.support.sidecar import ROOT, Sidecar, Start, listens, write
from tests.support.waiting import wait_until

CANARY = "canary-value-5f1d"


def run_sidecar(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a sidecar that ends by itself."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTOPS_")}
    return subprocess.run(
        [sys.executable, "-m", "promptops.cli.main", "sidecar", *arguments],
        env={**inherited, "PYTHONPATH": str(ROOT / "operator"), **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_v23_values_and_prompts_stay_inside(sidecar: Sidecar) -> None:
    for prompt, variables in (
        ("echo", {"text": f"{CANARY}\x00"}),
        ("typed", {"word": CANARY, "count": CANARY, "ratio": CANARY, "loud": CANARY, "tone": CANARY}),
        ("echo", {"text": CANARY}),
        ("many", {"text": CANARY * 1000}),
        ("nowhere", {"text": CANARY}),
    ):
        answer = sidecar.render(prompt, variables)
        assert answer.status_code != 200 or prompt == "echo"
        assert answer.status_code == 200 or CANARY not in answer.text
    broken = sidecar.post("echo", json.dumps({"variables": {"text": CANARY}})[:-1].encode())

    assert broken.status_code == 400
    assert CANARY not in broken.text
    for path in ("/metrics", "/readyz", "/healthz", "/startupz"):
        assert CANARY not in sidecar.operations(path).text
        assert "canary" not in sidecar.operations(path).text
    assert "canary" not in sidecar.log


def test_the_log_has_one_json_object_a_line_and_no_trace(sidecar: Sidecar) -> None:
    lines = [json.loads(line) for line in sidecar.log.splitlines()]

    assert {"event", "level", "time"} <= set.intersection(*(set(line) for line in lines))
    assert "Traceback" not in sidecar.log


def slow_calls(sidecar: Sidecar) -> list[str]:
    """Ask for everything once and return what the event loop complains about."""
    before = len(sidecar.log)
    sidecar.render("many", {"text": "x" * 3000})
    for path in ("/v1/prompts", "/v1/prompts/two", "/v1/prompts/two/versions", "/v1/health"):
        sidecar.get(path)
    sidecar.operations("/metrics")
    return [line for line in sidecar.log[before:].splitlines() if "took" in line and "seconds" in line]


def test_no_request_blocks_the_event_loop(sidecar: Sidecar) -> None:
    # A machine that is busy with other things can stop anything for a moment; a call that blocks does so every time.
    attempts = [slow_calls(sidecar) for _ in range(5)]

    assert [] in attempts


@pytest.mark.parametrize(
    ("path", "status"), [("/metrics", 200), ("/healthz", 200), ("/readyz", 200), ("/startupz", 200)]
)
def test_operations_answer(sidecar: Sidecar, path: str, status: int) -> None:
    assert sidecar.operations(path).status_code == status


@pytest.mark.parametrize("path", ["/v1/prompts", "/v1/prompts/secret", "/v1/health", "/", "/debug"])
def test_v22_operations_show_no_prompt(sidecar: Sidecar, path: str) -> None:
    answer = sidecar.operations(path)

    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_operations_take_no_orders(sidecar: Sidecar) -> None:
    assert sidecar.http.post(f"{sidecar.operations_url}/metrics").status_code == 405


def test_readyz_names_neither_files_nor_prompts(sidecar: Sidecar) -> None:
    ready = sidecar.operations("/readyz").json()

    assert ready == {
        "status": "healthy",
        "dependencies": {},
        "prompts": 8,
        "position": ready["position"],
        "stale": False,
    }


def test_renders_are_counted(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", sourced("a", {"text": "{{ x }}", "variables": [{"name": "x", "type": "string"}]}))
    sidecar = start_sidecar(tmp_path)
    sidecar.render("a", {"x": "1"})
    sidecar.render("a")
    sidecar.render("b")

    lines = sidecar.operations("/metrics").text.splitlines()

    assert 'promptops_renders_total{code="",outcome="success",prompt="a"} 1.0' in lines
    assert 'promptops_renders_total{code="InvalidVariables",outcome="failure",prompt="a"} 1.0' in lines
    assert 'promptops_renders_total{code="PromptNotFound",outcome="failure",prompt=""} 1.0' in lines
    assert 'promptops_render_duration_seconds_count{prompt="a"} 1.0' in lines
    assert 'promptops_cache_requests_total{prompt="a",result="hit"} 1.0' in lines
    assert "promptops_index_prompts 1.0" in lines
    assert "promptops_feed_stale 0.0" in lines


def test_v22_the_data_listener_is_on_loopback_alone(sidecar: Sidecar) -> None:
    listening = {
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == sidecar.port
    }

    assert listening == {f"0100007F:{sidecar.port:04X}"}


def test_the_socket_answers_and_is_for_owner_and_group(sidecar: Sidecar) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(sidecar.socket))) as client:
        answer = client.post("http://localhost/v1/prompts/two/render", content=b"")

    assert answer.json()["rendered_content"] == "one"
    assert stat.S_IMODE(sidecar.socket.stat().st_mode) == 0o660


def test_sigterm_finishes_what_was_begun_and_removes_the_socket(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", sourced("a", {"text": "done"}))
    sidecar = start_sidecar(tmp_path)
    with socket.create_connection(("127.0.0.1", sidecar.port)) as connection:
        connection.sendall(b"POST /v1/prompts/a/render HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{")
        wait_until(lambda: sidecar.get("/v1/health").is_success, "the request has arrived")
        sidecar.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "sidecar ends" in sidecar.log, "the signal is noticed")
        connection.sendall(b"}")
        received = b""
        while part := connection.recv(65536):
            received += part

    assert b'"rendered_content":"done"' in received
    assert sidecar.process.wait(20) == 0
    assert not sidecar.socket.exists()


def test_sigterm_under_load_fails_no_answer(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", sourced("a", {"text": "done"}))
    sidecar = start_sidecar(tmp_path)
    statuses: list[int] = []

    def load() -> None:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(sidecar.socket))) as client:
            try:
                while True:
                    statuses.append(client.post("http://localhost/v1/prompts/a/render", content=b"").status_code)
            except httpx.TransportError:
                return  # the listener is closed: no answer, and none that is wrong

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(statuses) > 100, "load")

    code = sidecar.stop()

    for thread in threads:
        thread.join()
    assert code == 0
    assert set(statuses) == {200}


def test_a_killed_sidecars_socket_is_taken_over_and_a_living_ones_is_not(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", sourced("a", {"text": "x"}))
    sidecar = start_sidecar(tmp_path)
    data, operations = free_ports(2)
    addresses = {
        "PROMPTOPS_DATA_ADDRESS": f"127.0.0.1:{data}",
        "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
        "PROMPTOPS_SOCKET": str(sidecar.socket),
    }

    refused = run_sidecar("--directory", str(tmp_path), **addresses)
    sidecar.process.kill()
    sidecar.process.wait()
    left_behind = sidecar.socket.exists()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator"), **addresses}
    command = [sys.executable, "-m", "promptops.cli.main", "sidecar", "--directory", str(tmp_path)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as successor:
        transport = httpx.HTTPTransport(uds=str(sidecar.socket))
        with httpx.Client(transport=transport) as client:
            wait_until(lambda: listens(client, "http://localhost", ready=True), "the successor answers")
        successor.terminate()

    assert refused.returncode == 1
    assert f"another process listens on {sidecar.socket}" in refused.stderr
    assert left_behind


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param(
            {},
            "Error: nothing to serve: give --directory DIR (or PROMPTOPS_DIRECTORY) for manifests in a directory, or "
            "PROMPTOPS_FEED_URL, PROMPTOPS_TOKEN_FILE and PROMPTOPS_TRUST_FILE for the feed of an operator\n",
            id="nothing",
        ),
        pytest.param(
            {"PROMPTOPS_FEED_URL": "http://127.0.0.1:1"},
            "Error: PROMPTOPS_FEED_URL is set and PROMPTOPS_TOKEN_FILE is not: a feed needs a token and trusted keys\n",
            id="no token",
        ),
        pytest.param(
            {"PROMPTOPS_FEED_URL": "http://127.0.0.1:1", "PROMPTOPS_TOKEN_FILE": "t", "PROMPTOPS_TRUST_FILE": "/nowhere"},
            "Error: the trust file /nowhere cannot be read: No such file or directory\n",
            id="no trust file",
        ),
        pytest.param(
            {"PROMPTOPS_FEED_URL": "http://127.0.0.1:1", "PROMPTOPS_TOKEN_FILE": "t", "PROMPTOPS_TRUST_FILE": "/proc/uptime"},
            'Error: the trust file /proc/uptime must be JSON like '
            '{"keys": [{"kid": "…", "public": "…"}], "ca": "PEM or absent"}\n',
            id="a trust file of something else",
        ),
        pytest.param(
            {"PROMPTOPS_DIRECTORY": "/nowhere"},
            "Error: the directory /nowhere cannot be read: No such file or directory\n",
            id="no directory",
        ),
        pytest.param(
            {"PROMPTOPS_DATA_ADDRESS": "8181"},
            "Error: PROMPTOPS_DATA_ADDRESS is '8181'; it must be host:port, for example 127.0.0.1:8181\n",
            id="no address",
        ),
    ],
)  # fmt: skip
def test_a_sidecar_that_cannot_begin_says_why(environment: dict[str, str], message: str) -> None:
    done = run_sidecar(**environment)

    assert done.returncode == 1
    assert done.stderr == message


def test_an_address_in_use_is_named(sidecar: Sidecar) -> None:
    done = run_sidecar("--directory", str(sidecar.directory), PROMPTOPS_DATA_ADDRESS=f"127.0.0.1:{sidecar.port}")

    assert done.returncode == 1
    assert f"Error: cannot listen on 127.0.0.1:{sidecar.port}: Address already in use" in done.stderr


def test_a_file_in_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    data, operations = free_ports(2)
    precious = tmp_path / "precious"
    precious.write_text("keep")

    done = run_sidecar(
        "--directory",
        str(tmp_path),
        PROMPTOPS_DATA_ADDRESS=f"127.0.0.1:{data}",
        PROMPTOPS_OPERATIONS_ADDRESS=f"127.0.0.1:{operations}",
        PROMPTOPS_SOCKET=str(precious),
    )

    assert done.returncode == 1
    assert f"{precious} is there and is not a socket; remove it, or choose another path" in done.stderr
    assert precious.read_text() == "keep"
